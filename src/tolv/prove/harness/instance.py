"""One process of the app under proof, as a probe handles it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tolv.build.model import Runnable
from tolv.codebase.model import ProcessType
from tolv.prove.client import Answer, Client, NoAnswer
from tolv.prove.harness.ground import Ground, Running
from tolv.prove.harness.stand import Stand
from tolv.prove.model import Kind
from tolv.prove.watch.processes import Seen, Tree
from tolv.run.keeper.client import Scope
from tolv.run.keeper.main import home_name
from tolv.run.local.launch import natural_scope
from tolv.run.model import Exit

if TYPE_CHECKING:
    from tolv.prove.harness.network import Network

#: Seconds between two looks at one that starts; two requests.
_LOOK = 0.02
#: Seconds that a look at one that starts may take.
_ANSWER = 5.0
#: Seconds after which a process without a port counts as ready, if it lives.
_SETTLED = 0.5
#: So many answers in a row that are no HTTP mean that none will be.
_STRANGE = 20
#: Colours and other attributes of text, which many write whether or not a terminal reads them.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
#: How many lines of standard output there are, and of standard error.
Mark = tuple[int, int]
#: Seconds until the last words of one that has ended are on disk.
_SAID_WITHIN = 2.0
#: Lines of its log that a failed start shows.
_LAST_LINES = 8


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an instance's output."""

    stream: Literal["stdout", "stderr"]
    text: str


class NotReady(Exception):
    """An instance did not become ready: it ended, or did not answer in time."""

    def __init__(self, instance: Instance, reason: str, *, no_http: bool = False) -> None:
        super().__init__(reason)
        self.no_http = no_http
        """It answers, and what it says is no HTTP."""
        self.instance = instance
        self.reason = reason
        self.lines = tuple(one.text for one in instance.lines()[-_LAST_LINES:])


@dataclass(frozen=True, slots=True)
class Made:
    """How an instance was made, so that the same can be made again."""

    name: str
    type: ProcessType
    port: int | None
    directory: Path
    tmp: Path
    stdout: Path
    stderr: Path
    env: Mapping[str, str]
    """All that it sees."""
    config: Mapping[str, str]
    health: str
    stand: Stand
    bare: bool
    runnable: Runnable | None


class Instance:
    """A running process of the app, or one that has ended."""

    def __init__(
        self,
        made: Made,
        running: Running,
        ground: Ground,
        network: Network,
        say: Callable[[Kind, str, str | None], None],
    ) -> None:
        self.made = made
        self.running = running
        self.began = time.monotonic()
        """When it was started, by `time.monotonic`."""
        self._ground = ground
        self._network = network
        self._say = say
        self.client = Client(self._connect)
        # By its cookie as well: it may have put itself into the background before anybody could look.
        self._tree = Tree(running.pid, f"{running.id}@{home_name(os.path.abspath(ground.home.keeper))}")

    @property
    def name(self) -> str:
        """`web.1`."""
        return self.made.name

    @property
    def pid(self) -> int:
        return self.running.pid

    @property
    def port(self) -> int:
        """The port that it was given. Of a process that was given none this is an error."""
        assert self.made.port is not None, f"{self.name} has no port"
        return self.made.port

    @property
    def directory(self) -> Path:
        """Its working directory."""
        return self.made.directory

    @property
    def alive(self) -> bool:
        """Whether its leader runs."""
        return not self.running.exited.done()

    @property
    def end(self) -> Exit | None:
        """How its leader ended."""
        return self.running.exited.result() if self.running.exited.done() else None

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await self._network.connect(self.port)

    async def ready(self, deadline: float = 60.0) -> float:
        """Wait until it serves: it answers its health path, or `/`, with less than 500; one without a port: until it
        has lived for a moment. Seconds since its start. Raises `NotReady`."""
        problem = "it gives no sign"
        strange = 0
        while (passed := time.monotonic() - self.began) < deadline:
            if not self.alive:
                with contextlib.suppress(TimeoutError):  # what it has left running may hold its output for long
                    async with asyncio.timeout(_SAID_WITHIN):
                        await self.running.empty.wait()
                raise NotReady(self, f"it ended: {describe(self.end)}")
            if self.made.port is None:
                if passed >= _SETTLED:
                    return passed
            else:
                try:
                    answer = await self._look(min(_ANSWER, deadline - passed))
                    if answer.status < 500:
                        return time.monotonic() - self.began
                    problem = f"GET {self.made.health} is answered {answer.status}"
                except NoAnswer as error:
                    problem = f"GET {self.made.health} on port {self.made.port}: {error}"
                    strange = strange + 1 if error.why == "nonsense" else 0
                    if strange >= _STRANGE:
                        raise NotReady(self, problem, no_http=True) from None
            await self._sleep(_LOOK)
        raise NotReady(self, f"not ready within {deadline:g} s: {problem}")

    async def _look(self, timeout: float) -> Answer:
        return await self.client.request("GET", self.made.health, timeout=timeout)

    async def _sleep(self, seconds: float) -> None:
        """So long, or until its end."""
        await asyncio.wait({self.running.exited}, timeout=seconds)

    def lines(self, after: Mark = (0, 0)) -> list[Line]:
        """What it has written, standard output first; only what came after a `mark`. A last line without its end
        counts; colours do not."""
        found: list[Line] = []
        for skipped, stream, path in zip(
            after, ("stdout", "stderr"), (self.made.stdout, self.made.stderr), strict=True
        ):
            with contextlib.suppress(FileNotFoundError):
                text = path.read_bytes().decode("utf-8", "replace")
                found += [Line(stream, _COLOURS.sub("", line)) for line in text.splitlines()[skipped:]]  # type: ignore[arg-type]
        return found

    def mark(self) -> Mark:
        """How much it has written so far: lines of standard output, and of standard error."""
        streams = [one.stream for one in self.lines()]
        return streams.count("stdout"), streams.count("stderr")

    async def line(self, pattern: str, timeout: float = 5.0) -> Line | None:
        """The first line in which the pattern (a regular expression) is found, waited for; None: there is none."""
        wanted, until = re.compile(pattern), time.monotonic() + timeout
        while True:
            complete = self.running.empty.is_set()
            found = next((one for one in self.lines() if wanted.search(one.text)), None)
            if found is not None or complete or time.monotonic() > until:
                return found
            await asyncio.sleep(_LOOK)

    async def signal(self, number: int, scope: Scope = "leader") -> None:
        """Send it a signal: to its leader, its group or its whole tree."""
        self._say("signal", signal.Signals(number).name, self.name)
        await self._ground.signal(self.running, number, scope)

    async def terminate(self) -> None:
        """SIGTERM, or the stop signal that its type declares, to whom a platform would send it."""
        scope: Scope = self.made.type.stop_scope or ("leader" if self.made.stand.init else natural_scope(self.pid))
        await self.signal(signal.Signals[self.made.type.stop_signal], scope)

    async def kill(self) -> None:
        """SIGKILL to its whole tree; returns when all of it is dead and its output complete."""
        if self.alive:
            self._say("signal", "SIGKILL", self.name)
        await self._ground.kill(self.running)

    async def exited(self, timeout: float) -> Exit | None:
        """How its leader ended, waited for; None: it has not, in so many seconds."""
        await asyncio.wait({self.running.exited}, timeout=timeout)
        return self.end

    async def stop(self, grace: float = 10.0) -> Exit | None:
        """SIGTERM, then, after `grace` seconds, SIGKILL. How it ended by itself; None: it had to be killed."""
        await self.terminate()
        end = await self.exited(grace)
        await self.kill()
        return end

    def members(self) -> tuple[Seen, ...]:
        """The living processes of its tree, wherever they have gone: also those that have left its session, and those
        that have outlived its leader."""
        return self._tree.members()

    def pids(self) -> list[int]:
        """The numbers of the same."""
        return self._tree.pids()


def describe(end: Exit | None) -> str:
    """`exit status 1`, `killed by SIGKILL`."""
    if end is None:
        return "it runs"
    if end.signal is not None:
        return f"killed by {signal.Signals(end.signal).name}"
    return "its end was not seen" if end.code is None else f"exit status {end.code}"
