"""A mail server that catches: what apps send is kept on disk to be looked at, and nothing ever leaves the machine.

It runs as a process of its own, `python -m tolv.services.mail`. A message is on disk before the client is told 250.
"""
