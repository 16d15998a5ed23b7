"""`tolv prove`, in the order in which things happen: read, build, make the ground, try each probe, report."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tolv.build.locks import in_use
from tolv.errors import TolvError
from tolv.home import Home
from tolv.prove.client import NoAnswer
from tolv.prove.harness.ground import opened
from tolv.prove.harness.harness import Harness
from tolv.prove.harness.instance import Instance, NotReady
from tolv.prove.harness.shelf import shelved
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Evidence, Outcome, Report, Result, Verdict
from tolv.prove.needs import missing
from tolv.prove.probe import CannotProve, Probe, cannot_prove
from tolv.prove.repeats import without_repeats
from tolv.prove.subject import Subject, read_subject
from tolv.prove.traffic import Unexpected
from tolv.prove.unset import unset

log = logging.getLogger("tolv.prove")

#: Lines of its output that the reason shows of an app that does not start.
_LAST_LINES = 3
#: So many variables that are missing are named in a reason.
_FEW = 4
#: Seconds that one probe may take.
_LIMIT = 180.0


class Watch(Protocol):
    """Hears how a proof goes on."""

    def say(self, text: str) -> None:
        """Something that takes a while: a build, a server that is fetched."""

    def begin(self, probe: Probe, done: int, total: int) -> None:
        """A probe is tried now."""

    def end(self, result: Result, done: int, total: int) -> None:
        """It has its verdict."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be tried, and how."""

    probes: tuple[Probe, ...]
    """In the order of the catalogue."""
    app: str | None = None
    """Of a monorepo."""
    manifest: Path | None = None
    """Takes the place of the app's `tolv.toml`."""
    runtimes: Mapping[str, str] = field(default_factory=dict)
    """By language, the version to take whatever the app asks for."""
    tier: int = 2
    first: bool = True
    """Whether the app is started once before all else, so that what keeps it from starting is found once."""
    keep: bool = False
    jobs: int = 0
    """How many side by side; 0: as many as there are processors."""

    def includes(self, probe: Probe) -> bool:
        """Whether a probe is of a tier that is to be tried."""
        return probe.tier <= self.tier


async def prove(path: Path, home: Home, order: Order, watch: Watch) -> Report:
    """Try the probes on the app at `path`.

    Raises what reading and building the app raise, and `PlatformError` when this machine fails.
    """
    began = time.monotonic()
    with in_use(home):
        subject = await read_subject(path, home, order.app, order.manifest, order.runtimes, watch.say)
        async with opened(home, keep=order.keep) as ground, shelved(ground, watch.say) as shelf:
            async with Harness(ground, shelf, subject, keep=order.keep) as harness:
                results = await try_probes(harness, order, watch)
            notes = (*harness.subject.notes, *harness.subject.found.values())
            if harness.no_namespaces:
                notes += (f"no namespaces here ({harness.no_namespaces}): some probes see less",)
            if order.keep:
                notes += (f"the scene is kept until the next proof: {ground.home.root}",)
            versions = shelf.versions
    return Report(
        app=subject.name,
        commit=subject.commit.id or None,
        dirty=subject.commit.dirty,
        types=tuple(one.name for one in subject.build.processes),
        services=versions,
        results=results,
        duration=time.monotonic() - began,
        tier=order.tier,
        root=str(path),
        manifest=str(order.manifest or ""),
        notes=notes,
        unready=harness.unready,
    )


async def try_probes(harness: Harness, order: Order, watch: Watch) -> tuple[Result, ...]:
    """Try the probes of the order on one subject. What they share is left in the harness."""
    return await _Proof(harness, order, watch).results()


class _Proof:
    """The trials of one proof."""

    def __init__(self, harness: Harness, order: Order, watch: Watch) -> None:
        self._harness = harness
        self._order = order
        self._watch = watch
        self._done = 0
        self._unready: Outcome | None = None
        self._slots = asyncio.Semaphore(order.jobs or os.cpu_count() or 1)

    @property
    def _subject(self) -> Subject:
        return self._harness.subject

    async def results(self) -> tuple[Result, ...]:
        """Of every probe, in the order of the catalogue: side by side, but those that must be alone."""
        probes = tuple(filter(self._order.includes, self._order.probes))
        found = {one.id: self._left_out(one) for one in self._order.probes if not self._order.includes(one)}
        if self._order.first and any(not one.bare and missing(one, self._subject) is None for one in probes):
            self._unready = await self._first_start()
            self._harness.unready = self._unready.reason if self._unready else None
        async with asyncio.TaskGroup() as group:
            tasks = {one.id: group.create_task(self._slot(one), name=one.id) for one in probes if not one.alone}
        found |= {id: task.result() for id, task in tasks.items()}
        for one in probes:
            if one.alone:
                found[one.id] = await self._slot(one)
        return tuple(found[one.id] for one in self._order.probes)

    def _left_out(self, probe: Probe) -> Result:
        outcome = cannot_prove(f"it is of tier {probe.tier}, and --tier {self._order.tier} was asked for")
        return Result(probe.id, probe.label, probe.title, outcome, tier=probe.tier)

    async def _first_start(self) -> Outcome | None:
        """Why no instance becomes ready; None: it does. What all others would find out, is found out once."""
        if self._subject.web is None:
            return None
        self._watch.say("starting the app for the first time")
        try:
            async with self._harness.trial("first start") as trial:
                await self._try_found(trial, await trial.start())
        except (NotReady, CannotProve, TolvError) as error:
            return _outcome(error, self._subject)
        return None

    async def _try_found(self, trial: Trial, instance: Instance) -> None:
        """Leave recipes that make something, that nobody declared and that the app refuses: each probe would fail."""
        traffic = trial.traffic
        for name, make in (("write", traffic.write), ("upload", traffic.upload), ("job", traffic.job)):
            if name not in self._subject.found:
                continue
            try:
                await make(instance)
            except Unexpected as error:
                why = f"it is answered {error.answer.status} {error.answer.reason}".rstrip()
                self._harness.subject = self._subject.unfound(name, why)
            except (NoAnswer, CannotProve):
                continue  # for the probes to judge

    async def _slot(self, probe: Probe) -> Result:
        async with self._slots:
            total = sum(map(self._order.includes, self._order.probes))
            self._watch.begin(probe, self._done, total)
            result = await self._try(probe)
            self._done += 1
            self._watch.end(result, self._done, total)
            return result

    async def _try(self, probe: Probe) -> Result:
        began = time.monotonic()
        evidence: tuple[Evidence, ...] = ()
        backend: str | None = None
        outcome = self._beforehand(probe)
        if outcome is None:
            try:
                async with asyncio.timeout(_LIMIT), self._harness.trial(probe.id) as trial:
                    backend = trial.backend
                    try:
                        if "namespaces" in probe.needs and self._harness.no_namespaces:
                            raise CannotProve(f"it needs namespaces: {self._harness.no_namespaces}")
                        outcome = await probe.run(trial)
                    finally:
                        evidence = without_repeats(trial.evidence)
            except TimeoutError:
                outcome = cannot_prove(f"it took more than {_LIMIT:g} s")
            except Exception as error:
                outcome = _outcome(error, self._subject)
        return Result(
            probe.id,
            probe.label,
            probe.title,
            outcome,
            evidence,
            backend,
            time.monotonic() - began,
            expected=self._expected(probe, outcome),
            tier=probe.tier,
        )

    def _beforehand(self, probe: Probe) -> Outcome | None:
        """The outcome of a probe that need not be tried."""
        found = missing(probe, self._subject)
        if found is None and self._unready is not None and not probe.bare:
            return self._unready
        return found

    def _expected(self, probe: Probe, outcome: Outcome) -> str | None:
        return self._subject.recipes.expected(probe.id) if outcome.verdict is Verdict.REFUTED else None


def _outcome(error: Exception, subject: Subject) -> Outcome:
    """What it means for a probe that this was raised."""
    if isinstance(error, CannotProve):
        return cannot_prove(error.reason, *error.add)
    if isinstance(error, NotReady):
        return _unready(error, subject)
    if isinstance(error, NoAnswer):
        return cannot_prove(f"a request was not answered: {error}")
    if isinstance(error, TolvError):
        return cannot_prove(error.problem)
    if isinstance(error, OSError) and error.errno in (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
    ):
        return cannot_prove(f"this machine has no room for it: {error.strerror}")
    log.error("a probe failed", exc_info=error)
    return cannot_prove(f"Tolv's own error, please report it: {error!r}")


def _unready(error: NotReady, subject: Subject) -> Outcome:
    """Why an instance does not become ready, with its last words, and what they ask for."""
    problem = f"{error.instance.name} does not become ready: {error.reason}"
    template = (one.name for one in subject.build.variables)
    names = unset((one.text for one in error.instance.lines()), error.instance.made.env, template)
    if names:
        problem += f"; it wants {', '.join(names[:_FEW])}{' …' if len(names) > _FEW else ''}: give a value in [prove]"
    lines = [line.strip() for line in error.lines if line.strip(" ^~")]
    telling = [line for line in lines if any(name in line for name in names)] or lines
    said = "".join(f" | {line}" for line in telling[-_LAST_LINES:])
    return cannot_prove(problem + said, *(f'env.{name} = "…"' for name in names))
