"""Waits for the end of a proof, and razes its ground if nobody else did: `python -m tolv.prove.harness.warden HOME`.

Standard input is a pipe of whoever proves. It ends with the word `done`, or, if that process was killed, without.
"""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Wait, then raze."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    said = b""
    while more := os.read(0, 64):
        said += more
    if said.endswith(b"done"):
        return
    import asyncio
    from pathlib import Path

    from tolv.home import Home
    from tolv.prove.harness.ground import raze

    asyncio.run(raze(Home(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
