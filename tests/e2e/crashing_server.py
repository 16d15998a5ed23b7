"""The server, with a bomb: when `$TOLV_HOME/crash-after` holds N, it is killed with -9 after its N-th act from then on.

An act is what others can see: a transaction in the store, an order to the keeper, a new table for the router, a start
or a change of the HTTPS edge.

For each line on its standard input this program becomes a server once more: a server dies often here, and most of the
time that a new one takes goes into its imports.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tolv.route.client import RouterClient
from tolv.route.edge.edge import Edge
from tolv.run.keeper.client import KeeperClient
from tolv.server.__main__ import main
from tolv.store.store import Store

_fuse = Path(os.environ["TOLV_HOME"]) / "crash-after"
_lock = threading.Lock()


def _acted() -> None:
    with _lock:
        try:
            left = int(_fuse.read_text())
        except (OSError, ValueError):
            return
        if left <= 1:
            _fuse.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        _fuse.write_text(str(left - 1))


def _counted(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        result = await method(*args, **kwargs)
        _acted()
        return result

    return call


_write = Store.write


@contextmanager
def _counted_write(self: Store) -> Iterator[Any]:
    with _write(self) as connection:
        yield connection
    _acted()


Store.write = _counted_write  # type: ignore[method-assign]
for _kind, _names in (
    (KeeperClient, ("start", "signal", "forget")),
    (RouterClient, ("apply", "drain")),
    (Edge, ("_start", "_serve", "_end")),
):
    for _name in _names:
        setattr(_kind, _name, _counted(getattr(_kind, _name)))

if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while os.read(0, 1):
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            sys.exit(main())
