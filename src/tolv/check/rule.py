"""Rules: the catalogue of what is checked, each one declared object.

    @rule(
        "III-05",
        severity="error",
        materials=("python", "javascript"),
        looks=(bindings_of_secrets,),
        title="A secret has a default that anyone can read",
        why="In production an unset variable makes sessions forgeable by anyone who reads the source.",
        fix="Read it without a default, and name it in .env.example.",
        bad='SECRET_KEY = os.environ.get("SECRET_KEY", "s3cret-default")',
        good='SECRET_KEY = os.environ["SECRET_KEY"]',
        source="https://12factor.net/config",
    )
    def secret_with_default(unit: Unit) -> Iterator[Outcome]:
        ...

The function is the rule's judge: it asks the unit for what was seen and yields findings, witnesses, or why it cannot
tell. It is pure: no I/O but through the unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tolv.check.look import Look
from tolv.check.model import Outcome, Severity
from tolv.check.source import Language

if TYPE_CHECKING:
    from tolv.check.unit import Repository, Unit

Material = Language | Literal["manifests", "git"]
"""What a rule reads: a language, the manifests and files of the infrastructure, the history."""

Judge = Callable[["Unit"], Iterator[Outcome]]
RepositoryJudge = Callable[["Repository"], Iterator[Outcome]]

ALL: tuple[Language, ...] = ("python", "javascript", "go", "java", "ruby", "php")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, with all that its page in the docs says."""

    id: str
    """Public and stable: `III-05`. What stands before the dash is the factor's label."""
    severity: Severity
    """The highest that it gives."""
    materials: tuple[Material, ...]
    title: str
    """What is wrong where it is found, as a sentence without a full stop."""
    why: str
    fix: str
    bad: str
    good: str
    source: str
    """Where the rule comes from: an address, or a sentence."""
    judge: Judge | RepositoryJudge
    looks: tuple[str, ...]
    """Names of the looks that the judge asks for."""
    probe: str | None
    """The probe of `tolv prove` that settles what reading cannot."""
    per_unit: bool
    """False: the judge gets the repository, once."""
    everywhere: bool
    """It judges tests, docs, development and CI files itself; else the engine drops or lowers what is found there."""

    @property
    def label(self) -> str:
        """The factor's: `III`, `API`."""
        return self.id.partition("-")[0]


#: All rules by id, in the order of their declaration.
RULES: dict[str, Rule] = {}


@dataclass(frozen=True, slots=True)
class _Declaration:
    """What a rule's decorator was told."""

    id: str
    severity: Severity
    materials: tuple[Material, ...]
    title: str
    why: str
    fix: str
    bad: str
    good: str
    source: str
    looks: tuple[Look[Any], ...]
    probe: str | None
    everywhere: bool

    def add(self, judge: Judge | RepositoryJudge, *, per_unit: bool) -> None:
        if self.id in RULES:
            raise ValueError(f"two rules are called {self.id}")
        said = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "looks"}
        looks = tuple(look.name for look in self.looks)
        RULES[self.id] = Rule(**said, looks=looks, judge=judge, per_unit=per_unit)


def rule(
    id: str,
    *,
    severity: Severity,
    materials: tuple[Material, ...],
    title: str,
    why: str,
    fix: str,
    bad: str,
    good: str,
    source: str,
    looks: tuple[Look[Any], ...] = (),
    probe: str | None = None,
    everywhere: bool = False,
) -> Callable[[Judge], Judge]:
    """Declare a rule whose judge is asked once for each unit."""
    declared = _Declaration(id, severity, materials, title, why, fix, bad, good, source, looks, probe, everywhere)

    def declare(judge: Judge) -> Judge:
        declared.add(judge, per_unit=True)
        return judge

    return declare


def repository_rule(
    id: str,
    *,
    severity: Severity,
    materials: tuple[Material, ...],
    title: str,
    why: str,
    fix: str,
    bad: str,
    good: str,
    source: str,
    looks: tuple[Look[Any], ...] = (),
    probe: str | None = None,
    everywhere: bool = False,
) -> Callable[[RepositoryJudge], RepositoryJudge]:
    """Declare a rule whose judge is asked once, for the whole repository."""
    declared = _Declaration(id, severity, materials, title, why, fix, bad, good, source, looks, probe, everywhere)

    def declare(judge: RepositoryJudge) -> RepositoryJudge:
        declared.add(judge, per_unit=False)
        return judge

    return declare
