"""The server's side of the keeper: asks it, listens to it, and starts it when it is not there."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Literal

from tolv.errors import ConflictError, PlatformError, TolvError, UsageError
from tolv.home import Home, socket_address
from tolv.run.keeper.attach import attach_sync
from tolv.run.model import Exit, Kept, ProcessSpec

__all__ = ["KeeperClient", "KeeperEvent", "attach_sync", "ensure_keeper"]

_Answers = dict[int, asyncio.Future[dict[str, Any]]]
Scope = Literal["leader", "group", "tree"]

#: Seconds in which a keeper must be up, and in which it must answer.
START_DEADLINE = 15.0
ANSWER_DEADLINE = 60.0
#: Seconds between two looks whether it answers, and until one that does not counts as hung.
_LOOK, _HUNG = 10.0, 30.0
_KEEPER = Path(__file__).with_name("main.py")
_TAKEN = 4
#: All that the keeper gets of the environment of whoever starts it.
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "LANG", "TOLV_PROCESS_ID", "TOLV_CGROUPS")
#: The longest line that the keeper sends (`list` of thousands of processes).
_LINE_LIMIT = 64 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class KeeperEvent:
    """What the keeper saw.

    `exited`: the leader ended; `empty`: its whole tree is dead and its log complete. `reconnected`: the keeper had to
    be found or started again, so that events may have been missed: compare with `list`.
    """

    kind: Literal["exited", "empty", "reconnected"]
    process: str = ""
    exit: Exit | None = None


class KeeperGone(PlatformError):
    """The keeper died, or did not answer in time, with a request open: it may have been done or not."""


class KeeperClient:
    """One connection to the keeper of a home; it finds or starts another keeper when the present one dies."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.said: dict[str, Any] = {}
        """What the present keeper said of itself when it was met: see `hello`."""
        self._numbers = itertools.count(1)
        self._writer: asyncio.StreamWriter | None = None
        self._answers: _Answers = {}
        self._events: asyncio.Queue[KeeperEvent] = asyncio.Queue()
        self._listening: set[asyncio.Task[None]] = set()
        self._connecting = asyncio.Lock()
        self._closed = False

    async def connect(self) -> None:
        """Connect, starting the keeper if none answers. Raises `PlatformError` if that fails."""
        async with self._connecting:
            if self._writer is not None:
                return
            await ensure_keeper(self._home)
            reader, writer = await asyncio.open_unix_connection(
                socket_address(self._home.keeper_socket), limit=_LINE_LIMIT
            )
            self._writer = writer
            self._answers = {}
            self._begin(self._listen(reader, writer, self._answers), "keeper-events")
            self.said = await self._ask("hello")
            await self._ask("subscribe")
            self._begin(self._see_to(writer, int(self.said["pid"])), "keeper-watch")

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._listening.add(task)
        task.add_done_callback(self._listening.discard)

    async def _see_to(self, writer: asyncio.StreamWriter, pid: int) -> None:
        """Kill a keeper that hangs: the processes do not need it, and its successor finds them."""
        with contextlib.suppress(TolvError):
            while True:
                await asyncio.sleep(_LOOK)
                if self._writer is not writer:
                    return
                try:
                    async with asyncio.timeout(_HUNG):
                        await self._ask("hello")
                except TimeoutError:
                    print(f"tolv: the keeper (pid {pid}) does not answer: it is killed", file=sys.stderr)
                    os.kill(pid, signal.SIGKILL)
                    return

    async def close(self) -> None:
        """End the connection; the keeper and its processes go on."""
        self._closed = True
        listening = list(self._listening)
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)

    async def hello(self) -> dict[str, Any]:
        """Who answers: `pid`, `boot_id`, `version`, `cgroup` (where process groups are made, or None), `controllers`
        (those that can limit a tree), `sandbox` (what can be had to confine a process: `landlock`, `view`, `user`,
        `network`, `init`)."""
        return await self._repeat("hello")

    async def start(self, spec: ProcessSpec, env: dict[str, str]) -> int:
        """Start a process and return its pid.

        A program that cannot be run is no error here: it exits 127 or 126 and says why on its stderr.
        Raises `ConflictError` if there is a process of that id, `PlatformError` if there is no room for it.
        """
        try:
            answer = await self._request("start", spec=dataclasses.asdict(spec), env=env)
        except KeeperGone:
            # It may have been killed on either side of the start; its records, and so its successor, know.
            started = next((one for one in await self.list() if one.id == spec.id), None)
            if started is not None and started.pid is not None:
                return started.pid
            if started is not None:
                raise
            answer = await self._request("start", spec=dataclasses.asdict(spec), env=env)
        return int(answer["pid"])

    async def stand_by(self, count: int) -> None:
        """Announce that up to `count` processes start within seconds: those starts take half the time."""
        await self._repeat("stand-by", count=count)

    async def prepare(self, spec: ProcessSpec, env: dict[str, str]) -> None:
        """Announce an attached one-off; whoever calls `attach_sync` within a minute starts it."""
        await self._request("prepare", spec=dataclasses.asdict(spec), env=env)

    async def signal(self, process: str, signal: int, scope: Scope) -> None:
        """Send a signal. SIGKILL to a `tree` goes on until none of it is left. Raises `UsageError` if it is unknown."""
        await self._repeat("signal", process=process, signal=int(signal), scope=scope)

    async def list(self) -> list[Kept]:
        """All processes that the keeper has not been told to forget."""
        answer = await self._repeat("list")
        return [Kept(**{**one, "exit": _exit(one["exit"])}) for one in answer["processes"]]

    async def forget(self, process: str) -> None:
        """Remove the records of a dead process; waits until its log is complete. Raises `ConflictError` if it lives."""
        try:
            await self._request("forget", process=process)
        except KeeperGone:
            if any(one.id == process for one in await self.list()):
                await self._request("forget", process=process)

    async def stop(self) -> None:
        """End the keeper; its processes run on until another keeper finds them."""
        await self._request("stop")
        await self.close()

    async def events(self) -> AsyncIterator[KeeperEvent]:
        """What happens from `connect` on, without end; across the death of a keeper."""
        while not self._closed:
            yield await self._events.get()

    async def _request(self, op: str, **arguments: Any) -> dict[str, Any]:
        await self.connect()
        return await self._ask(op, **arguments)

    async def _repeat(self, op: str, **arguments: Any) -> dict[str, Any]:
        """A request that may reach two keepers and does no harm then."""
        try:
            return await self._request(op, **arguments)
        except KeeperGone:
            return await self._request(op, **arguments)

    async def _ask(self, op: str, **arguments: Any) -> dict[str, Any]:
        writer, answers = self._writer, self._answers
        if writer is None:
            raise _silent(self._home)
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        answers[number] = answer
        try:
            writer.write(json.dumps({"id": number, "op": op, **arguments}).encode() + b"\n")
            async with asyncio.timeout(ANSWER_DEADLINE):
                await writer.drain()
                return await answer
        except (OSError, TimeoutError):
            self._drop(writer)
            raise _silent(self._home) from None
        finally:
            answers.pop(number, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # seen, also when the write failed first

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: _Answers) -> None:
        try:
            with contextlib.suppress(OSError, ValueError):
                while line := await reader.readline():
                    self._receive(json.loads(line), answers)
        finally:
            self._drop(writer)
            for answer in answers.values():
                if not answer.done():
                    answer.set_exception(_silent(self._home))
        await self._return()

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        """The connection is of no use any more: the next request makes another."""
        writer.close()
        if self._writer is writer:
            self._writer = None

    async def _return(self) -> None:
        """The keeper is gone: get another, since what ends meanwhile would end unseen."""
        pause = 0.05
        while not self._closed:
            try:
                await self.connect()
            except (TolvError, OSError):
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
            else:
                self._events.put_nowait(KeeperEvent("reconnected"))
                return

    def _receive(self, message: dict[str, Any], answers: _Answers) -> None:
        if "event" in message:
            self._events.put_nowait(KeeperEvent(message["event"], message["process"], _exit(message.get("exit"))))
            return
        answer = answers.get(message["id"])
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(_error(message["error"]))
        else:
            answer.set_result(message["result"])


async def ensure_keeper(home: Home) -> None:
    """Start the keeper of `home` if none answers; it outlives whoever starts it.

    Raises `PlatformError` if it does not come up in time.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START_DEADLINE):
            while not await _answers(home):
                if await asyncio.to_thread(_start_keeper, home) != _TAKEN:
                    break
                await asyncio.sleep(0.02)  # another one holds the lock: it is about to listen, or about to end
    if not await _answers(home):
        raise PlatformError(
            "the keeper does not start",
            where=str(home.server_log),
            remedy="the last lines of that file say why; `tolv doctor` checks the machine",
        )


def _start_keeper(home: Home) -> int:
    home.make()
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    with home.server_log.open("ab") as log:
        return subprocess.run(
            [sys.executable, "-I", "-S", str(_KEEPER), "--detach", str(home.root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd="/",
            check=False,
        ).returncode


async def _answers(home: Home) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(socket_address(home.keeper_socket))
    except OSError:
        return False
    writer.close()
    return True


def _exit(data: dict[str, Any] | None) -> Exit | None:
    return Exit(**data) if data else None


def _error(data: dict[str, Any]) -> TolvError:
    kinds: dict[str, Callable[..., TolvError]] = {
        "exists": ConflictError,
        "alive": ConflictError,
        "unknown": UsageError,
        "request": UsageError,
    }
    return kinds.get(data.get("kind", ""), PlatformError)(data["problem"], where="the keeper")


def _silent(home: Home) -> KeeperGone:
    return KeeperGone(
        "the keeper went away before it answered, or hangs",
        where=str(home.keeper_socket),
        remedy=f"try again; if it hangs, `kill -9` the pid in {home.keeper / 'keeper.json'}: processes do not need it",
    )
