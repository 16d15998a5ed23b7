"""Ports for tests."""

from __future__ import annotations

import random
import socket

#: Below those that the kernel gives to outgoing connections (32768 up): one of them may have any port of its own in the
#: next moment. And below those that Tolv gives to processes (20000 up).
_FIRST, _LAST = 10_000, 19_999
_random = random.SystemRandom()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that nobody is likely to take."""
    for _ in range(500):
        port = _random.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError(f"no port from {_FIRST} to {_LAST} is free")
