"""Probes: the catalogue of what is tried, each one declared object.

    @probe(
        "VI-P2",
        title="survives kill -9",
        tier=1,
        needs=("write", "read_back"),
        does="Writes an item on web.1, kills it with SIGKILL, starts it on a fresh file system, and reads the item.",
        proved="The item is there, on web.1 and on web.2.",
        refuted="It is gone, or differs: it was kept in the process's memory or in its own files.",
        fix="Keep it in a backing service before the answer is sent.",
        rules=("VI-01", "VI-05"),
        mutation=Mutation("keeps notes in memory", {"app.py": (("db.notes", "MEMORY"),)}),
    )
    async def survives_kill(trial: Trial) -> Outcome:
        ...

The function gets a `Trial`: a scene of its own, which is torn down when it returns. It says what it saw with
`trial.saw(…)` and returns `proved(…)`, `refuted(…)` … What it raises is its outcome, too: `CannotProve` says why it
cannot be tried, and an instance that does not become ready is one of those, unless the probe itself expects it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tolv.prove.model import Outcome, Verdict

if TYPE_CHECKING:
    from tolv.prove.harness.trial import Trial

Need = Literal[
    "web",
    "git",
    "worker",
    "services",
    "database",
    "namespaces",
    "read",
    "write",
    "read_back",
    "slow",
    "upload",
    "download",
    "login",
    "whoami",
    "job",
    "job_done",
    "scheduled",
    "one_off",
    "spec",
    "outbound",
]
"""What a probe cannot do without. Recipes are those of `[prove]`; `database` is PostgreSQL, `services` any service."""

Run = Callable[["Trial"], Awaitable[Outcome]]


class CannotProve(Exception):
    """The probe cannot be tried. `add`: lines for `[prove]` that would let it be."""

    def __init__(self, reason: str, *add: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.add = add


@dataclass(frozen=True, slots=True)
class Mutation:
    """What makes a probe's bad twin of the model app (`prove/twins/model`): the fault that it must refute."""

    fault: str
    """What is wrong with the twin, in a few words: `keeps its notes in memory`."""
    replace: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """By file: texts of the model, each with what takes its place. Each must be there exactly once."""
    add: Mapping[str, str] = field(default_factory=dict)
    """Files that the model does not have, each with its content."""
    remove: tuple[str, ...] = ()
    """Files of the model that the twin does not have."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe, with all that its page in the docs says."""

    id: str
    """Public and stable: `VI-P2`. What stands before the dash is the factor's label."""
    title: str
    """What it tries, in a few words, lower case: `survives kill -9`."""
    tier: int
    """0: needs no services; 1: PostgreSQL or Redis; 2: recipes, two releases, an outside."""
    needs: tuple[Need, ...]
    does: str
    proved: str
    """What must be seen."""
    refuted: str
    """What refutes it."""
    fix: str
    run: Run
    mutation: Mutation
    rules: tuple[str, ...] = ()
    """Rules of `tolv check` that say of the code what this tries of the app."""
    bare: bool = False
    """It can be tried of an app that does not become ready in the ordinary way."""
    alone: bool = False
    """Nothing else may run beside it: it counts moments."""
    worst: Verdict = Verdict.REFUTED
    """The worst that it says: that of its bad twin."""

    @property
    def label(self) -> str:
        """The factor's: `VI`, `API`."""
        return self.id.partition("-")[0]


#: All probes by id, in the order of their declaration.
PROBES: dict[str, Probe] = {}


def probe(
    id: str,
    *,
    title: str,
    tier: int,
    does: str,
    proved: str,
    refuted: str,
    fix: str,
    mutation: Mutation,
    needs: tuple[Need, ...] = (),
    rules: tuple[str, ...] = (),
    bare: bool = False,
    alone: bool = False,
    worst: Verdict = Verdict.REFUTED,
) -> Callable[[Run], Run]:
    """Declare a probe: see `Probe`."""

    def declare(run: Run) -> Run:
        assert id not in PROBES, id
        PROBES[id] = Probe(id, title, tier, needs, does, proved, refuted, fix, run, mutation, rules, bare, alone, worst)
        return run

    return declare


def proved(what: str) -> Outcome:
    """It holds; `what` was seen, in a few words."""
    return Outcome(Verdict.PROVED, what)


def refuted(why: str) -> Outcome:
    """It does not hold."""
    return Outcome(Verdict.REFUTED, why)


def advisory(what: str) -> Outcome:
    """Worth knowing, and no breach."""
    return Outcome(Verdict.ADVISORY, what)


def not_applicable(why: str) -> Outcome:
    """The app has nothing of what it tries."""
    return Outcome(Verdict.NOT_APPLICABLE, why)


def cannot_prove(why: str, *add: str) -> Outcome:
    """It cannot be tried here."""
    return Outcome(Verdict.NOT_PROVABLE, "; ".join(filter(None, map(str.strip, why.splitlines()))), add)


async def agree(times: int, attempt: Callable[[], Awaitable[Outcome]]) -> Outcome:
    """Try several times. The outcome is that of all, and *unstable* where they do not agree."""
    first = await attempt()
    for number in range(2, times + 1):
        if first.verdict in (Verdict.NOT_PROVABLE, Verdict.NOT_APPLICABLE):
            break
        other = await attempt()
        if other.verdict is not first.verdict:
            reason = f"try 1: {first.verdict}, {first.reason}; try {number}: {other.verdict}, {other.reason}"
            return Outcome(Verdict.UNSTABLE, reason)
    return first
