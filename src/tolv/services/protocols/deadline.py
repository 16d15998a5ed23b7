"""An end to waiting that a server cannot put off by sending a byte now and then."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator


class Deadline:
    """So many seconds from its making, for all steps together."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left. Raises `TimeoutError` if none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    @contextlib.contextmanager
    def over(self, connection: Callable[[], socket.socket | None]) -> Iterator[None]:
        """Whatever waits on this connection ends at the deadline. Raises `TimeoutError` instead of what it met then."""
        cut = threading.Timer(self.left(), _shut, (connection,))
        cut.daemon = True
        cut.start()
        try:
            yield
        except Exception:
            self.left()
            raise
        finally:
            cut.cancel()


def _shut(connection: Callable[[], socket.socket | None]) -> None:
    found = connection()
    if found is not None:
        with contextlib.suppress(OSError):
            found.shutdown(socket.SHUT_RDWR)
