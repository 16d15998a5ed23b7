"""What to do next for one deploy: a pure function from desired and observed state to steps.

The store says what should be (`Desired`), the keeper says what is (`Instance`s), and `plan` compares them. It knows
no time but `now`, starts nothing and waits for nothing: the engine calls it again whenever something has changed, so
a server that died half-way goes on where the state says, not where it had been.

A deploy is a *candidate* beside the *live* release, and goes in three stages:

1. processes of the candidate's start-first types start; the live release serves undisturbed;
2. once all of those are ready, each stop-first type stops its old processes and starts its new ones, so that two
   releases of it never overlap;
3. once every process is ready, the candidate is promoted: it is the live release now, requests go to it, and what
   belongs to the old one is no longer wanted.

If a process of the candidate fails before that, the candidate is abandoned and the live release is made whole again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Where a process is in its life, for the planner."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    """Draining, or told to stop, and not yet certainly dead."""
    HUNG = "hung"
    """Alive but of no use, and being ended; its successor is due at `retry_at`."""
    CRASHED = "crashed"
    """Dead against our will; due again at `retry_at`."""


_FAILED = (Phase.HUNG, Phase.CRASHED)


@dataclass(frozen=True, slots=True)
class Instance:
    """One process as it is observed."""

    id: str
    release: int
    type: str
    index: int
    phase: Phase
    outdated: bool = False
    """To be replaced by a fresh process of the same release (`tolv restart`)."""
    retry_at: float | None = None
    """When a process that crashed or hung is due again."""
    well: bool = True
    """Its health path answers well: it is to be preferred for requests."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How one process type of a release is to run."""

    quantity: int
    stop_first: bool = False
    routed: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A release and its formation."""

    release: int
    types: Mapping[str, Wanted]

    def slots(self) -> Iterator[tuple[str, int, Wanted]]:
        """Every place that wants a process: type, index from 1, how."""
        for name, wanted in self.types.items():
            for index in range(1, wanted.quantity + 1):
                yield name, index, wanted


@dataclass(frozen=True, slots=True)
class Desired:
    """What one deploy should be. Without a live release and a candidate, nothing should run."""

    live: Target | None = None
    candidate: Target | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Start a process in this place; `after` names the crashed or hung one that it succeeds.

    A hung one is STOPPING from then on: its tree may take a while to die."""

    release: int
    type: str
    index: int
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Take the process out of the router, let it finish, stop it and its whole tree."""

    id: str


@dataclass(frozen=True, slots=True)
class Promote:
    """All processes of the candidate are ready: make it the live release."""

    release: int


@dataclass(frozen=True, slots=True)
class Abandon:
    """This process of the candidate failed: give the candidate up."""

    release: int
    id: str


Step = Start | Stop | Promote | Abandon


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps to take now, who gets requests from now on, and when to look again (seconds since 1970) at the latest."""

    steps: tuple[Step, ...]
    routed: frozenset[str]
    wake_at: float | None = None

    @property
    def settled(self) -> bool:
        return not self.steps


def plan(desired: Desired, instances: Iterable[Instance], now: float) -> Plan:
    """The next steps that bring `instances` towards `desired`.

    Applying the steps and planning again ends in a plan without steps, if processes become ready. Requests go to
    processes of the live release that are ready and wanted, and to no others: to those that are well, and where none
    is, to all of them.
    """
    world = _World(tuple(instances), now)
    live, candidate = desired.live, desired.candidate
    if candidate is not None:
        failed = next((one for one in world.of(candidate.release) if one.phase in _FAILED), None)
        if failed is not None:
            return Plan((Abandon(candidate.release, failed.id),), world.routed(live))
    taking_over = _types_taken_over(candidate, world)
    if live is not None:
        world.fill(live, skip=taking_over)
    if candidate is not None:
        waiting = {name for name, one in candidate.types.items() if one.stop_first} - taking_over
        world.fill(candidate, skip=waiting)
        if not waiting and world.complete(candidate):
            world.steps.append(Promote(candidate.release))
    world.stop_the_rest()
    return Plan(tuple(world.steps), world.routed(live), world.wake_at())


def _types_taken_over(candidate: Target | None, world: _World) -> set[str]:
    """The stop-first types that now pass from the live release to the candidate: all of them, once its others are
    ready."""
    if candidate is None:
        return set()
    start_first = Target(candidate.release, {n: one for n, one in candidate.types.items() if not one.stop_first})
    if not world.complete(start_first):
        return set()
    return {name for name, one in candidate.types.items() if one.stop_first}


class _World:
    """The observed instances, and what has been decided about them so far."""

    def __init__(self, instances: tuple[Instance, ...], now: float) -> None:
        self.instances = instances
        self.now = now
        self.kept: set[str] = set()
        self.steps: list[Step] = []

    def of(self, release: int) -> Iterator[Instance]:
        return (one for one in self.instances if one.release == release)

    def in_slot(self, release: int, type_: str, index: int) -> list[Instance]:
        """Processes of a release in a place, those that are on their way out left aside."""
        return [
            one
            for one in self.instances
            if (one.release, one.type, one.index) == (release, type_, index) and one.phase is not Phase.STOPPING
        ]

    def complete(self, target: Target) -> bool:
        """Every place of `target` has a ready process."""
        return all(
            any(one.phase is Phase.READY and not one.outdated for one in self.in_slot(target.release, name, index))
            for name, index, _ in target.slots()
        )

    def fill(self, target: Target, *, skip: set[str]) -> None:
        """Keep what serves `target`, and start what it lacks; leave the types in `skip` alone."""
        for name, index, wanted in target.slots():
            if name not in skip:
                self._fill_slot(target.release, name, index, wanted)

    def _fill_slot(self, release: int, type_: str, index: int, wanted: Wanted) -> None:
        present = self.in_slot(release, type_, index)
        fresh = [one for one in present if not one.outdated]
        if fresh:
            chosen = min(fresh, key=lambda one: one.phase is not Phase.READY)
            self.kept.add(chosen.id)
            ended = chosen.phase is Phase.CRASHED or (chosen.phase is Phase.HUNG and not wanted.stop_first)
            if ended and (chosen.retry_at or 0.0) <= self.now:
                self.steps.append(Start(release, type_, index, after=chosen.id))
            if chosen.phase is Phase.READY:
                return
        elif not (wanted.stop_first and self._occupied(release, type_)):
            self.steps.append(Start(release, type_, index))
        if not wanted.stop_first:
            self.kept.update(one.id for one in present if one.outdated and one.phase is Phase.READY)

    def _occupied(self, release: int, type_: str) -> bool:
        """Some process of this type that must not overlap with a new one may still be alive."""
        return any(
            one.type == type_
            and one.phase is not Phase.CRASHED
            and (one.release != release or one.outdated or one.phase is Phase.STOPPING)
            for one in self.instances
        )

    def stop_the_rest(self) -> None:
        self.steps.extend(
            Stop(one.id) for one in self.instances if one.id not in self.kept and one.phase is not Phase.STOPPING
        )

    def routed(self, live: Target | None) -> frozenset[str]:
        """Who gets requests: ready and wanted processes of the live release's routed types."""
        if live is None:
            return frozenset()
        names = {name for name, wanted in live.types.items() if wanted.routed}
        quantity = {name: live.types[name].quantity for name in names}
        stopping = {step.id for step in self.steps if isinstance(step, Stop)}
        ready = [
            one
            for one in self.of(live.release)
            if one.type in names
            and one.phase is Phase.READY
            and one.index <= quantity[one.type]
            and one.id not in stopping
        ]
        return frozenset(one.id for one in ready if one.well) or frozenset(one.id for one in ready)

    def wake_at(self) -> float | None:
        due = [one.retry_at for one in self.instances if one.phase in _FAILED and one.retry_at is not None]
        return min((moment for moment in due if moment > self.now), default=None)
