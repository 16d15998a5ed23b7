"""A drill: one fault after the other under load, each accounted for."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tolv.drill.evidence import Kill, upstreams_of
from tolv.drill.faults import NOT_APPLICABLE, Blow, Fault
from tolv.drill.load import TIMEOUT, Load
from tolv.drill.model import Bill, Lines, Outcome, Requests, Verdict, account
from tolv.drill.scene import RECOVERY, Found, Scene, until
from tolv.drill.witness import Witness
from tolv.errors import AppError
from tolv.run.formation import ROUTED

#: Requests a second.
RATE = 20.0
#: Seconds of load before the first fault, and the part of a fault's time before it strikes.
_CALM, _LEAD = 3.0, 0.2
#: Seconds in which the router's lines about the last requests are on disk.
_WRITTEN = 0.5


@dataclass(frozen=True, slots=True)
class Orders:
    """What is to be done."""

    faults: tuple[Fault, ...]
    seconds: float
    """Of load around each fault, at least."""
    path: str | None = None
    """What to ask for; None: the health path of the web processes, or `/`."""
    named: frozenset[str] = frozenset()
    """Faults that were asked for by name."""

    def refused(self, scene: Scene, fault: Fault) -> str | None:
        """Why a fault is left out here; naming it overrules that."""
        return None if fault.id in self.named else fault.refusal(scene)


class Drill:
    """One drill. `begins(fault, target)` and `ends(outcome)` are told of each stretch of it."""

    def __init__(
        self, scene: Scene, orders: Orders, begins: Callable[[str, str], None], ends: Callable[[Outcome], None]
    ) -> None:
        self._scene = scene
        self._orders = orders
        self._begins = begins
        self._ends = ends
        self._load: Load | None = None
        self._counted = 0.0
        self._witness = Witness(scene, 600 + len(orders.faults) * (orders.seconds + 2 * RECOVERY))
        self._outcomes: list[Outcome] = []

    def run(self) -> Bill:
        """All faults in turn. Whatever happens, nothing of the drill's own is left behind.

        Raises `AppError` if the deploy is not well before the first fault.
        """
        host, path = self._scene.host(), self._path()
        with self._witness:
            with self._loaded(host, path):
                self._calm()
                for fault in self._orders.faults:
                    self._end(self._inflict(fault))
            self._after()
        for id_, (title, why) in NOT_APPLICABLE.items():
            if not self._orders.named:
                self._end(Outcome(id_, title, Verdict.NOT_RUN, why))
        return Bill(self._scene.app, self._scene.environment, path if host else None, tuple(self._outcomes))

    def _path(self) -> str:
        formation = self._scene.ready().values()
        health = next((one.health for one in formation if one.type == ROUTED and one.health), None)
        return self._orders.path or health or "/"

    def _loaded(self, host: str | None, path: str) -> contextlib.AbstractContextManager[object]:
        self._counted = time.monotonic()
        if host is None:
            return contextlib.nullcontext()
        state = self._scene.state()
        address = "127.0.0.1" if state["bind"] in ("0.0.0.0", "::") else state["bind"]
        self._load = Load(state["port"], host, address=address, paths=(path,), rate=RATE)
        return self._load

    def _calm(self) -> None:
        """How it is without any fault: what fails then would be blamed on the faults."""
        self._begins("before", "nothing, to compare with")
        time.sleep(min(_CALM, self._orders.seconds))
        requests, lines = self._count(())
        if requests.failed:
            said = "; ".join(requests.problems)
            raise AppError(
                f"{requests.failed} of {requests.sent} requests fail without any fault: {said}",
                remedy="choose a page that works with --path, or mend the app first",
            )
        self._end(Outcome("before", "nothing", Verdict.CLEAN, "nothing, to compare with", requests, lines))

    def _inflict(self, fault: Fault) -> Outcome:
        """Do it, wait until it is over, and say what came of it."""
        scene, seconds = self._scene, self._orders.seconds
        if why := self._orders.refused(scene, fault):
            return Outcome(fault.id, fault.title, Verdict.NOT_RUN, f"not run: {why}")
        try:
            before = scene.ready()
        except AppError as error:
            return Outcome(fault.id, fault.title, Verdict.NOT_RUN, f"not run: {error.problem}")
        target = fault.target(scene)
        self._begins(fault.id, target)
        began = time.monotonic()
        time.sleep(seconds * _LEAD)
        blow = fault.strike(scene, self._witness)
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        requests, lines = self._count(blow.kills)
        problems = (*_not_back(blow), *self._changed(before, blow), *_shortcomings(requests, lines))
        verdict = Verdict.SHORT if problems else Verdict.CLEAN
        recovery = None if blow.back is None else blow.back - blow.at
        return Outcome(fault.id, fault.title, verdict, target, requests, lines, recovery, problems)

    def _after(self) -> None:
        """The end of the load: every request is in one row or another."""
        self._begins("after", "nothing, all is as before")
        requests, lines = self._count(())
        problems = tuple(_shortcomings(requests, lines))
        verdict = Verdict.SHORT if problems else Verdict.CLEAN
        title = "nothing, all is as before" if not problems else "nothing"
        self._end(Outcome("after", "nothing", verdict, title, requests, lines, problems=problems))

    def _end(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._ends(outcome)

    def _count(self, kills: Sequence[Kill]) -> tuple[Requests, Lines]:
        """What came of all requests since it was asked last, and of all lines."""
        lines = self._witness.lines()
        since, self._counted = self._counted, time.monotonic()
        if self._load is None:
            return Requests(), lines
        load, now = self._load, self._counted
        until(lambda: load.settled(now), TIMEOUT + 5.0)
        time.sleep(_WRITTEN)
        shots = [one for one in load.shots() if since <= one.begun < now]
        return account(shots, kills, upstreams_of(self._scene.router_log, load.label)), lines

    def _changed(self, before: Mapping[str, Found], blow: Blow) -> Iterator[str]:
        """What a fault did to those whom it was not meant for."""
        if blow.back is None:
            return
        after = {one.name: one for one in self._scene.processes()}
        for name, one in before.items():
            now = after.get(name)
            if now is None or now.state != "ready":
                yield f"{name} is {now.state if now else 'gone'}"
            elif now.pid != one.pid and name not in blow.replaced:
                yield f"{name} was replaced: pid {one.pid} is now {now.pid}"


def _not_back(blow: Blow) -> Iterator[str]:
    if blow.back is None:
        yield f"{blow.wants}: not within {RECOVERY:.0f} s"


def _shortcomings(requests: Requests, lines: Lines) -> Iterator[str]:
    if requests.failed:
        yield f"{requests.failed} requests failed: {'; '.join(requests.problems)}"
    if lines.lost > lines.announced:
        yield f"{lines.lost - lines.announced} lines were lost, and the log does not say so"
    if not lines.kept:
        yield "no line reached the log"
