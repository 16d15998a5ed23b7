"""Progress: what a person who waits is told, one event at a time.

An operation belongs to the server, not to the client that asked for it: it goes on when the client is gone, and its
events then go nowhere.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Literal

from tolv.errors import PlatformError, TolvError

log = logging.getLogger("tolv.server")

State = Literal["begin", "done", "info", "warn"]


#: What the system says no to through no fault of Tolv's.
_REFUSALS = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), ("Tolv cannot write", "free some space, then try again")),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), ("Tolv may not do that", "make it yours to write")),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), ("Tolv cannot open more files", "raise the limit: ulimit -n")),
    **dict.fromkeys((errno.ENOMEM, errno.EAGAIN), ("the machine is at its limit", "stop something, then try again")),
}


class Progress:
    """The events of one operation, as they are streamed to its client."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._begun: dict[str, float] = {}

    def begin(self, step: str, message: str = "") -> None:
        """A step that takes time has begun."""
        self._begun[step] = time.monotonic()
        self._emit(step, "begin", message, None)

    def done(self, step: str, message: str) -> None:
        """The step is done; its duration is told if `begin` was."""
        begun = self._begun.pop(step, None)
        self._emit(step, "done", message, None if begun is None else round(time.monotonic() - begun, 3))

    def info(self, step: str, message: str) -> None:
        """Something worth knowing within a step. May be called from any thread."""
        self._loop.call_soon_threadsafe(self._emit, step, "info", message, None)

    def warn(self, step: str, message: str) -> None:
        """Something that wants attention. May be called from any thread."""
        self._loop.call_soon_threadsafe(self._emit, step, "warn", message, None)

    def _emit(self, step: str, state: State, message: str, elapsed: float | None) -> None:
        self._events.put_nowait(
            {"event": "progress", "step": step, "message": message, "elapsed": elapsed, "state": state}
        )

    def finish(self, value: Any, error: TolvError | None) -> None:
        """The last event: what came of it. It waits its turn, as what was told from other threads does."""
        result = {"event": "result", "value": value, "error": error.to_dict() if error else None}
        for event in (result, None):
            self._loop.call_soon(self._events.put_nowait, event)

    async def lines(self) -> AsyncIterator[bytes]:
        """The events as newline-delimited JSON, until the last."""
        while (event := await self._events.get()) is not None:
            yield json.dumps(event).encode() + b"\n"


class Failed(Exception):
    """An operation came to an end that is a result *and* an error: a release that failed, say."""

    def __init__(self, value: Any, error: TolvError) -> None:
        super().__init__(str(error))
        self.value = value
        self.error = error


class Operating:
    """The operations that run now; they outlive their clients, and `drain` waits for them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, act: Callable[[Progress], Awaitable[Any]]) -> Progress:
        """Run `act` in a task of its own and return the stream of its events."""
        progress = Progress()
        task = asyncio.create_task(_conclude(act, progress))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return progress

    def note(self, writing: Coroutine[Any, Any, Any]) -> None:
        """Let something small be written without anyone waiting for it; a failure is logged."""
        task = asyncio.create_task(_quietly(writing))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, seconds: float) -> None:
        """Wait for what runs; cancel what takes longer."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


async def _quietly(writing: Coroutine[Any, Any, Any]) -> None:
    try:
        await writing
    except Exception:
        log.exception("could not be written")


async def _conclude(act: Callable[[Progress], Awaitable[Any]], progress: Progress) -> None:
    try:
        progress.finish(await act(progress), None)
    except Failed as failed:
        progress.finish(failed.value, failed.error)
    except asyncio.CancelledError:
        progress.finish(None, PlatformError("the server stopped before this was done", remedy="try again"))
        raise
    except Exception as error:
        progress.finish(None, explain(error))


def explain(error: Exception) -> TolvError:
    """Any failure as an error for a person; what Tolv did not raise on purpose is logged with its traceback."""
    if isinstance(error, TolvError):
        return error
    log.error("an operation failed", exc_info=error)
    return unexpected(error)


def unexpected(error: Exception) -> PlatformError:
    """What the system refuses, or a defect of Tolv's, as an error that can be reported."""
    if isinstance(error, OSError) and error.errno in _REFUSALS:
        problem, remedy = _REFUSALS[error.errno]
        return PlatformError(f"{problem}: {error.strerror}", where=_place(error), remedy=remedy)
    return PlatformError(
        f"Tolv failed in a way that it should not: {type(error).__name__}: {error}",
        remedy="the server's log has the details; please report it",
    )


def _place(error: OSError) -> str | None:
    name = error.filename
    return None if name is None else os.fsdecode(name) if isinstance(name, str | bytes) else str(name)
