"""The server, told to end while it recovers: after it has found what runs, before it acts on that."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from tolv.run.local.engine import LocalEngine
from tolv.server.__main__ import main

_start = LocalEngine.start


async def _start_and_hear_of_it(self: LocalEngine) -> object:
    kept = await _start(self)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0)
    return kept


LocalEngine.start = _start_and_hear_of_it  # type: ignore[assignment, method-assign]

if __name__ == "__main__":
    sys.exit(main())
