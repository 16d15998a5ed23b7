"""Factor X: how far apart two environments of an app are, in figures, and which differences matter.

`model` has the values, `compare` makes a `Parity` of two `Side`s without any I/O, `reports` shows it. What is known of
a side is gathered by `tolv.server.parity`; no value of config ever gets here.
"""
