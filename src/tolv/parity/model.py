"""Two sides and what is between them, as values. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tolv.build.model import Build
from tolv.parity.variables import Role

Gap = Literal["time", "people", "tools"]
GAPS: tuple[Gap, ...] = ("time", "people", "tools")

Judgement = Literal["harmless", "notable", "breaking"]
#: From the least to the worst.
JUDGEMENTS: tuple[Judgement, ...] = ("harmless", "notable", "breaking")
#: As people read them.
WORDS: dict[Judgement, str] = {"harmless": "harmless", "notable": "worth knowing", "breaking": "breaks parity"}

Unit = Literal["text", "count", "seconds", "per week", "share", "list"]
Value = str | int | float | list[str] | None


@dataclass(frozen=True, slots=True)
class Setting:
    """What is told of one variable of a config: never its value."""

    fingerprint: str
    """Keyed hash of its name and value: equal on both sides where they are."""
    role: Role
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """A backing service as an app reaches it."""

    name: str
    """As it is declared, or the variable that has its URL."""
    kind: str
    """`postgres`, `redis`, `sqlite` …"""
    version: str | None = None
    """What the running server says; None: it does not, or was not asked."""
    variables: tuple[str, ...] = ()
    """Those of the config that lead to it."""
    required: bool = True
    attached: bool = True
    """False: Tolv knows no more of it than a variable."""
    local: bool = False
    """Tolv runs it."""
    resource: str = ""
    """Its id, where Tolv knows it; never shown."""
    problem: str | None = None
    """Why its version is not known, where it should be."""


@dataclass(frozen=True, slots=True)
class Went:
    """One time that a release went live."""

    release: str
    """`v3`."""
    at: float
    """Seconds since 1970."""
    by: str
    """Who made the release."""
    build: str
    """Digest."""
    commit: str | None
    """None: its files were those of no commit."""


@dataclass(frozen=True, slots=True)
class Side:
    """An app in one environment."""

    environment: str
    release: str | None = None
    """The live one: `v7`; None: there is none."""
    running: bool = False
    build: Build | None = None
    """Of the live release."""
    formation: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, Setting] = field(default_factory=dict)
    """By name, defaults of `.env.example` included: what a process gets."""
    services: tuple[Service, ...] = ()
    went: tuple[Went, ...] = ()
    """In order."""
    os: str = ""
    engine: str = ""

    @property
    def commit(self) -> str | None:
        """What runs, if it is exactly a commit."""
        return self.build.commit if self.build and not self.build.dirty else None


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: the same thing of both sides."""

    id: str
    """`time.commits`: the gap and the figure; of a process type or service with its name at the end."""
    gap: Gap
    name: str
    unit: Unit
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which the sides differ, and whether it matters."""

    kind: str
    """One of `tolv.parity.kinds.KINDS`."""
    gap: Gap
    judgement: Judgement
    message: str
    """One sentence without a full stop."""
    subject: str = ""
    """The process type, variable or service that it is about."""
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """What could not be found out, and why: it counts neither as equal nor as different."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Parity:
    """How far apart two environments are."""

    app: str
    left: str
    right: str
    measured: str
    """ISO 8601, UTC."""
    figures: tuple[Figure, ...]
    differences: tuple[Difference, ...]
    """The worst first."""
    unmeasured: tuple[Unmeasured, ...] = ()

    @property
    def worst(self) -> Judgement | None:
        """None: there is no difference."""
        return max((one.judgement for one in self.differences), key=JUDGEMENTS.index, default=None)

    def to_dict(self) -> dict[str, Any]:
        """As `tolv parity --json` prints it. Stable: keys are added, never renamed or removed."""
        return {**asdict(self), "worst": self.worst}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Parity:
        """The inverse of `to_dict`."""
        return cls(
            data["app"],
            data["left"],
            data["right"],
            data["measured"],
            tuple(Figure(**one) for one in data["figures"]),
            tuple(Difference(**one) for one in data["differences"]),
            tuple(Unmeasured(**one) for one in data["unmeasured"]),
        )


def worse(one: Judgement, than: Judgement) -> bool:
    """Whether the one judgement is worse than the other."""
    return JUDGEMENTS.index(one) > JUDGEMENTS.index(than)
