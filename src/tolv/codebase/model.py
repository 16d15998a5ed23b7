"""What Tolv knows of an app from reading its code: plain values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Rollout = Literal["start-first", "stop-first"]
SignalScope = Literal["leader", "group"]
VariableType = Literal["text", "int", "number", "bool", "url", "email", "port", "path", "json"]

#: The environment that counts as production where `tolv.toml` does not say.
PRODUCTION = "prod"


@dataclass(frozen=True, slots=True)
class ProcessType:
    """A line of the Procfile with what `tolv.toml` says of it under `[processes.<name>]`."""

    name: str
    command: str
    health: str | None = None
    """Path that answers 2xx or 3xx when the process is ready; None: ready when its port (web) accepts, or at once."""
    health_interval: float = 10.0
    """Seconds between two looks at the health path of a process that is ready."""
    health_timeout: float = 5.0
    """Seconds within which the health path must answer."""
    health_failures: int = 3
    """So many looks in a row without any answer mean that the process hangs: it is replaced."""
    rollout: Rollout = "start-first"
    """`stop-first`: two releases of this type must never overlap (a scheduler)."""
    start_deadline: float = 60.0
    """Seconds until it must be ready."""
    grace: float = 30.0
    """Seconds between the stop signal and SIGKILL."""
    drain: float = 30.0
    """Seconds that requests in flight may take to finish once the process has left the router (web only)."""
    response_timeout: float = 60.0
    """Seconds from the end of a request to the head of its response; then its client gets 504 (web only)."""
    stop_signal: str = "SIGTERM"
    stop_scope: SignalScope | None = None
    """Who gets the stop signal; None: the leader, or the whole group when the leader is only a shell."""
    memory: int | None = None
    """Limit in bytes, or None."""
    cpu: float | None = None
    """Processors that it may use, all of its processes together, or None."""
    processes: int | None = None
    """Processes and threads that it may have at once, or None."""
    open_files: int | None = None
    """Files that each of its processes may have open, or None."""
    tmp: int | None = None
    """Bytes that its temporary directory may hold, or None."""

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ProcessType:
        """The inverse of `to_dict`; keys of a later version are ignored."""
        return cls(**{name: data[name] for name in cls.__dataclass_fields__ if name in data})


@dataclass(frozen=True, slots=True)
class RolloutPolicy:
    """How a release is watched once it is live: `[rollout]` of `tolv.toml`."""

    bake: float = 60.0
    """Seconds that it is watched; 0: not at all."""
    auto_rollback: bool = True
    """Go back by itself; False: only say what was seen."""
    error_rate: float = 0.05
    """By how much its share of failed requests may exceed that of the release before."""
    min_requests: int = 20
    """With fewer requests than that, no rate is judged."""
    crashes: int = 3
    """So many crashes of one process type are a crash loop."""

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RolloutPolicy:
        """The inverse of `to_dict`; keys of a later version are ignored."""
        return cls(**{name: data[name] for name in cls.__dataclass_fields__ if name in data})


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable that `.env.example` names: the schema of the app's config."""

    name: str
    default: str | None = None
    """The value that it has where nobody sets it; None: it has none then."""
    description: str = ""
    type: VariableType = "text"
    choices: tuple[str, ...] = ()
    """The values that it may have; none: any of its type."""
    minimum: float | None = None
    maximum: float | None = None
    secret: bool = False
    optional: bool = False
    """A release may go without it."""
    example: str | None = None
    """What `.env.example` shows for a variable that is required: it never counts as a value."""

    @property
    def required(self) -> bool:
        """A release must set it."""
        return self.default is None and not self.optional

    def to_dict(self) -> dict[str, Any]:
        """What says nothing is left out, so that a build of a plain `.env.example` stays the same build."""
        always = ("name", "default", "description")
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain = {name: getattr(Variable(""), name) for name in self.__dataclass_fields__}
        said = {name: one for name, one in values.items() if name in always or one != plain[name]}
        return {**said, "choices": list(self.choices)} if self.choices else said

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Variable:
        """The inverse of `to_dict`; keys of a later version are ignored."""
        values = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        return cls(**{**values, "choices": tuple(values.get("choices", ()))})


@dataclass(frozen=True, slots=True)
class ServiceNeed:
    """A backing service that the app needs in every environment: `[services.<name>]` of `tolv.toml`."""

    name: str
    """`database`."""
    kind: str
    """`postgres`, `redis`, `s3`, `smtp`, `rabbitmq`, or any other that a URL reaches."""
    version: str | None = None
    """The version that production runs, as far as it is said: `16`, `16.4`; None: any."""
    env: tuple[tuple[str, str], ...] = ()
    """Variables that the app reads, each with its text, in which `{url}`, `{scheme}`, `{user}`, `{password}`, `{host}`,
    `{port}`, `{database}` and `{endpoint}` stand for parts of the resource's URL: `(("DATABASE_URL", "{url}"),)`."""
    required: bool = True
    """False: the app starts without it."""

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ServiceNeed:
        """The inverse of `to_dict`; keys of a later version are ignored."""
        values = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        return cls(**{**values, "env": tuple((name, text) for name, text in values.get("env", ()))})


@dataclass(frozen=True, slots=True)
class Commit:
    """Where a tree came from. `id` is the full SHA; `time` is the commit's, in seconds since 1970."""

    id: str
    time: int
    branch: str | None = None
    dirty: bool = False
    remote: str | None = None
    """URL of `origin`, credentials removed."""

    @property
    def short(self) -> str:
        return self.id[:7]


@dataclass(frozen=True, slots=True)
class App:
    """One app as its tree declares it."""

    name: str
    root: Path
    """Directory of the tree that was read (absolute)."""
    processes: tuple[ProcessType, ...]
    """In the Procfile's order, without `release`."""
    release_command: str | None = None
    release_timeout: float = 3600.0
    variables: tuple[Variable, ...] = ()
    build: dict[str, Any] = field(default_factory=dict)
    """The `[build]` table of `tolv.toml`, validated: `python`, `node` (wanted versions), `command` (a build step
    that replaces the detected ones), `exclude` (globs left out of the code layer)."""
    formation: dict[str, int] = field(default_factory=dict)
    """Quantities for a first deploy, from `tolv.toml`; a type that is not named starts with 1."""
    rollout: RolloutPolicy = field(default_factory=RolloutPolicy)
    services: tuple[ServiceNeed, ...] = ()
    """Backing services, in the order of `tolv.toml`."""
    production: str = PRODUCTION
    """The environment that counts as production, which others are compared with."""
    notes: tuple[str, ...] = ()
    """What a person should know: 'no Procfile: web runs gunicorn mysite.wsgi'."""

    def process(self, name: str) -> ProcessType | None:
        return next((one for one in self.processes if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Source:
    """A place on disk that holds an app's code: what `tolv deploy PATH` names."""

    path: Path
    """The app's root: absolute, inside `repository` when there is one."""
    repository: Path | None = None
    """Top of the git work tree, or None outside git."""
    head: Commit | None = None
    """What is checked out; None outside git or before the first commit."""

    @property
    def prefix(self) -> str:
        """The app's root relative to the repository, `''` when they are the same."""
        if self.repository is None or self.path == self.repository:
            return ""
        return self.path.relative_to(self.repository).as_posix()
