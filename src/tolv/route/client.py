"""The server's side of the router: starts its processes, keeps them alive, and gives them their orders."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import tolv
from tolv.errors import PlatformError, error_from_dict
from tolv.home import Home
from tolv.interpreter import own_program
from tolv.route.link import CALL_SECONDS, Link, RouterGone
from tolv.route.model import Table
from tolv.route.state import load_table, save_table

_START_SECONDS = 15.0
#: Seconds between two looks whether a process answers, and until one that does not counts as hung.
_LOOK_SECONDS, _HUNG_SECONDS = 10.0, 30.0


class RouterClient:
    """All router processes of a home as one.

    Router processes are detached: they live on when the server ends (`close`), and are found again by `ensure`.
    One that dies is started again at once, with the same table.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._links: dict[int, Link] = {}
        self._keepers: dict[int, asyncio.Task[None]] = {}
        self._started: dict[int, subprocess.Popen[bytes]] = {}
        self._leaving: dict[Link, asyncio.Task[None]] = {}
        self._table = load_table(home)

    @property
    def table(self) -> Table:
        """The table in force, also that of a former server."""
        return self._table

    @property
    def pids(self) -> list[int]:
        """The router processes that answer."""
        return [link.pid for _, link in sorted(self._links.items()) if not link.gone.is_set()]

    async def ensure(self, port: int, bind: str = "127.0.0.1", count: int = 1) -> list[int]:
        """Have `count` router processes on `port`; start what is missing, stop what is on another port or too many, and
        replace what runs another version of Tolv, without a lost request.

        Gives their pids. Raises `PlatformError` if the port is taken or a process does not start.
        """
        self._home.make()
        self._table = max(self._table, load_table(self._home), key=lambda table: table.version)
        for index in self._present(count):
            link = self._links.get(index) or await self._connect(index)
            if link is not None and (index >= count or (link.port, link.bind) != (port, bind)):
                await self._dismiss(index, link)
                link = None
            if index < count:
                self._keep(index, link or await self._start(index, port, bind))
        if any(link.version != tolv.__version__ for link in self._links.values()):
            try:
                await self.upgrade()
            except PlatformError as error:
                print(f"tolv: the router of another version goes on: {error}", file=sys.stderr)
        return self.pids

    async def apply(self, table: Table) -> int:
        """Put a table in force in all router processes, first on disk, and give its version: `table.version`, or the
        next free one if that was used already (by a former server, for instance).

        Raises OSError when the disk does not take it. The routers that run have it all the same: whoever is to be
        served now matters more than the router that may have to read it.
        """
        self._table = table = replace(table, version=max(table.version, self._table.version + 1))
        try:
            save_table(self._home, table)
        finally:
            await self._ask_all({"op": "apply", "table": table.to_json()})
        return table.version

    async def drain(self, upstreams: Iterable[str], deadline: float) -> dict[str, int]:
        """Wait until nothing is in flight at these upstreams, at most `deadline` seconds; what is left, by upstream.

        They should have left the table before. WebSockets are told to go away.
        """
        left = dict.fromkeys(upstreams, 0)
        orders = {"op": "drain", "upstreams": list(left), "deadline": deadline}
        for reply in await self._ask_all(orders, deadline + CALL_SECONDS):
            for upstream, count in reply["left"].items():
                left[upstream] += count
        return left

    async def cut(self, upstreams: Iterable[str]) -> None:
        """End what is in flight at these upstreams, and the connections of the clients that wait for it."""
        await self._ask_all({"op": "cut", "upstreams": list(upstreams)})

    async def stats(self) -> dict[str, Any]:
        """The counts of all router processes, added up: see `docs/router.md`."""
        total: dict[str, Any] = {"upstreams": {}, "hosts": {}, "connections": 0, "held": 0, "refused": 0}
        for reply in await self._ask_all({"op": "stats"}):
            reply.pop("id", None)
            _add(total, reply)
        total["version"] = self._table.version
        return total

    async def tally(self) -> list[dict[str, Any]]:
        """The counts by release of each router process, as it gives them: `process` and `releases`."""
        return await self._ask_all({"op": "tally"})

    async def answered(self, upstream: str) -> int:
        """How many requests this upstream has answered since it was last put into the table."""
        counts = (await self.stats())["upstreams"].get(upstream, {})
        return int(counts.get("requests", 0) - counts.get("unanswered", 0) - counts.get("abandoned", 0))

    async def upgrade(self) -> list[int]:
        """Replace each router process by a new one, which inherits the listening sockets: no connection is refused.

        The old ones finish what they have in flight and let idle clients go when their time is over; their counts stay
        part of `drain` and `stats`. Gives the new pids. Raises `PlatformError` if one does not start: the old one goes
        on.
        """
        for index, old in sorted(self._links.items()):
            await self._stop_keeping(index)
            former = self._started.pop(index, None)
            try:
                new = await self._start(index, old.port, old.bind, inherit=True)
            except PlatformError:
                self._keep(index, old)
                raise
            self._leaving[old] = asyncio.create_task(self._see_off(old, former))
            self._keep(index, new)
        return self.pids

    async def stop(self, drain: float = 30.0) -> None:
        """End all router processes, each after what it has in flight, at most after `drain` seconds."""
        for leaving in list(self._leaving):
            with contextlib.suppress(RouterGone):
                await leaving.ask({"op": "stop", "drain_s": drain}, drain + CALL_SECONDS)
        for index in self._present(0):
            link = self._links.get(index) or await self._connect(index)
            if link is not None:
                await self._dismiss(index, link, drain)

    async def close(self) -> None:
        """Let go of the router processes; they go on."""
        tasks = [*self._keepers.values(), *self._leaving.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for link in (*self._links.values(), *self._leaving):
            await link.close()
        self._keepers.clear()
        self._leaving.clear()
        self._links.clear()

    def _present(self, count: int) -> list[int]:
        """The indexes wanted, and those that have left a socket."""
        names = [path.stem.removeprefix("router-") for path in self._home.router.glob("router-*.sock")]
        return sorted({*range(count), *self._links, *(int(name) for name in names if name.isdigit())})

    async def _connect(self, index: int) -> Link | None:
        """A link to a running router process, with our table in force; None if none answers."""
        link = await Link.open(self._home, index)
        if link is not None:
            self._links[index] = link
            try:
                await link.ask({"op": "apply", "table": self._table.to_json()})
            except RouterGone:
                return None
        return link

    async def _start(self, index: int, port: int, bind: str, *, inherit: bool = False) -> Link:
        arguments = ["--home", str(self._home.root), "--port", str(port), "--bind", bind, "--index", str(index)]
        if inherit:
            arguments.append("--inherit")
        if (former := self._started.pop(index, None)) is not None:
            await asyncio.to_thread(_end, former)
        ours, theirs = os.pipe()
        try:
            with open(self._home.server_log, "ab") as log:
                self._started[index] = subprocess.Popen(
                    [*own_program("tolv.route"), *arguments, "--ready-fd", str(theirs)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(theirs,),
                    start_new_session=True,
                )
        finally:
            os.close(theirs)
        await self._await_readiness(ours, index)
        link = await self._connect(index)
        if link is None:
            raise self._no_start("it does not answer")
        return link

    async def _await_readiness(self, pipe: int, index: int) -> None:
        """Wait for the new process's word: `{}`, an error, or its end."""
        loop, spoken = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(pipe, spoken.set)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await spoken.wait()
            word = os.read(pipe, 65536)
        except TimeoutError:
            self._started[index].kill()
            raise self._no_start(f"it was not ready after {_START_SECONDS:.0f} s") from None
        finally:
            loop.remove_reader(pipe)
            os.close(pipe)
        if not word:
            raise self._no_start("it ended at once")
        if error := json.loads(word):
            raise error_from_dict(error)

    def _no_start(self, problem: str) -> PlatformError:
        return PlatformError(
            f"the router did not start: {problem}",
            where=str(self._home.server_log),
            remedy="the last lines of that file say why",
        )

    def _keep(self, index: int, link: Link) -> None:
        if index not in self._keepers:
            self._keepers[index] = asyncio.create_task(self._keep_alive(index, link))

    async def _keep_alive(self, index: int, link: Link) -> None:
        """Start the process again whenever it dies: at once, then with growing pauses while it does not come up."""
        while True:
            await self._until_gone(link)
            pause = 0.1
            while True:
                try:
                    link = await self._connect(index) or await self._start(index, link.port, link.bind)
                    break
                except (PlatformError, RouterGone, OSError) as error:
                    print(f"tolv: the router is away: {error}", file=sys.stderr)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, 5.0)

    async def _until_gone(self, link: Link) -> None:
        """Until it has died. One that hangs is killed: it serves nobody, and its successor will."""
        while not link.gone.is_set():
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await link.gone.wait()
            except TimeoutError:
                try:
                    await link.ask({"op": "hello"}, _HUNG_SECONDS)
                except PlatformError as error:
                    print(f"tolv: {error.problem}: it is killed", file=sys.stderr)
                    os.kill(link.pid, signal.SIGKILL)
                    await link.gone.wait()
                except RouterGone:
                    return

    async def _stop_keeping(self, index: int) -> None:
        if (task := self._keepers.pop(index, None)) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _see_off(self, link: Link, process: subprocess.Popen[bytes] | None) -> None:
        """Stay in touch with a process that was replaced, until it ends."""
        await link.gone.wait()
        self._leaving.pop(link, None)
        if process is not None:
            await asyncio.to_thread(_end, process)

    async def _dismiss(self, index: int, link: Link, drain: float = 0.0) -> None:
        await self._stop_keeping(index)
        with contextlib.suppress(RouterGone):
            await link.ask({"op": "stop", "drain_s": drain}, drain + CALL_SECONDS)
            await asyncio.wait_for(link.gone.wait(), CALL_SECONDS)
        self._links.pop(index, None)
        await link.close()
        if (process := self._started.pop(index, None)) is not None:
            await asyncio.to_thread(_end, process)

    async def _ask_all(self, request: dict[str, Any], seconds: float = CALL_SECONDS) -> list[dict[str, Any]]:
        """Ask each router process. One that dies meanwhile has nothing in flight any more, and finds its table on
        disk when it comes back: its answer is left out."""
        links = [link for link in (*self._links.values(), *self._leaving) if not link.gone.is_set()]
        replies = await asyncio.gather(*(link.ask(request, seconds) for link in links), return_exceptions=True)
        for reply in replies:
            if isinstance(reply, BaseException) and not isinstance(reply, RouterGone):
                raise reply
        return [reply for reply in replies if isinstance(reply, dict)]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Reap a process that has ended, or does not answer any more and must end."""
    process.terminate()
    try:
        process.wait(CALL_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _add(total: dict[str, Any], more: dict[str, Any]) -> None:
    """Add up numbers of the same name, at any depth."""
    for key, value in more.items():
        if isinstance(value, dict):
            _add(total.setdefault(key, {}), value)
        else:
            total[key] = total.get(key, 0) + value
