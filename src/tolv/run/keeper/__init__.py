"""The keeper: starts and reaps the apps' processes and moves their output to disk. It outlives the server.

`main` is the process itself, `client` the server's side of it, `attach` the command line's.
"""
