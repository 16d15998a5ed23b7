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
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict, Unpack

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


class Said(TypedDict):
    """What a rule's decorator is told beside its id: see `Rule`."""

    severity: Severity
    materials: tuple[Material, ...]
    title: str
    why: str
    fix: str
    bad: str
    good: str
    source: str
    looks: NotRequired[tuple[Look[Any], ...]]
    probe: NotRequired[str | None]
    everywhere: NotRequired[bool]


def rule(id: str, **said: Unpack[Said]) -> Callable[[Judge], Judge]:
    """Declare a rule whose judge is asked once for each unit."""

    def declare(judge: Judge) -> Judge:
        _add(id, said, judge, per_unit=True)
        return judge

    return declare


def repository_rule(id: str, **said: Unpack[Said]) -> Callable[[RepositoryJudge], RepositoryJudge]:
    """Declare a rule whose judge is asked once, for the whole repository."""

    def declare(judge: RepositoryJudge) -> RepositoryJudge:
        _add(id, said, judge, per_unit=False)
        return judge

    return declare


def _add(id: str, said: Said, judge: Judge | RepositoryJudge, *, per_unit: bool) -> None:
    if id in RULES:
        raise ValueError(f"two rules are called {id}")
    looks = tuple(look.name for look in said.get("looks", ()))
    optional = {"probe": None, "everywhere": False}
    told = {**optional, **said, "looks": looks}
    RULES[id] = Rule(id=id, judge=judge, per_unit=per_unit, **told)  # type: ignore[arg-type]
