"""What a language tells the build: its runtime, what its dependencies are made from, and how they are installed.

A language is one object that satisfies `Language`; the list of them is `tolv.dependencies.LANGUAGES`. Nothing outside
this package knows Python from Node: the builder calls the methods below, in the order in which they stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Runtime:
    """The interpreter that a build needs, as its image's labels carry it."""

    language: str
    """Name of the language: `python`."""
    version: str
    """Full version: `3.11.7`."""
    details: Mapping[str, str] = field(default_factory=dict)
    """What the language must know to run the build later, and nothing of this machine."""

    def __str__(self) -> str:
        return f"{self.language} {self.version}"

    def to_dict(self) -> dict[str, Any]:
        return {"language": self.language, "version": self.version, "details": dict(self.details)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Runtime:
        """The inverse of `to_dict`."""
        return cls(data["language"], data["version"], dict(data["details"]))


@dataclass(frozen=True, slots=True)
class Package:
    """One installed dependency, as the bill of materials lists it."""

    name: str
    version: str
    purl: str
    """Package URL: `pkg:pypi/flask@3.0.0`."""
    license: str | None = None


@dataclass(frozen=True, slots=True)
class DependencyPlan:
    """What to install, decided by reading alone. Equal `key`s give equal trees."""

    runtime: Runtime
    interpreter: Path
    """Its executable on this machine."""
    prefix: str
    """Where the tree lies in the image: `opt/venv`."""
    lockfile: str | None
    """The file that names the dependencies, relative to the app; None: there are none."""
    key: Mapping[str, str] = field(default_factory=dict)
    """All that the installed tree depends on; empty: nothing is installed."""
    requirements: str | None = None
    """Pinned requirements with hashes, where the lockfile was converted to them."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A command of the build that runs in the exported tree, after the dependencies are in place."""

    name: str
    """What is said of it: `collectstatic`."""
    argv: tuple[str, ...]
    remedy: str
    """What to do when it fails."""
    traced: bool = False
    """It runs Python and reads no Python file of the app's but those it opens: see `build.steps`."""
    environment: Mapping[str, str] = field(default_factory=dict)


class Context(Protocol):
    """What an installation may use: one clean environment, the home's caches, and a way to run a tool."""

    @property
    def cache(self) -> Path:
        """The home's cache directory."""

    @property
    def scratch(self) -> Path:
        """A directory of this build's own, gone when it ends."""

    @property
    def helpers(self) -> dict[str, Popen[bytes]]:
        """Tools that were started ahead of their work, by name: they wait for their standard input. Whoever takes one
        out of here gives it its work and waits for its end; what is left when the build ends is killed."""

    def report(self, message: str) -> None:
        """Say what goes on, in one short line."""

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        failure: str,
        remedy: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Run a tool to its end in the clean environment; returns what it wrote to standard output.

        Raises `AppError(failure + its last lines)` when it fails, `PlatformError` when it cannot be started.
        """


class Language(Protocol):
    """One language: a new one is a file with such an object and a line in `LANGUAGES`."""

    name: str

    def detect(self, tree: Path) -> bool:
        """Whether this app is (also) written in it."""

    def default_processes(self, tree: Path) -> dict[str, str]:
        """Commands by process type for an app without a Procfile; empty when there is no honest guess."""

    def plan(self, tree: Path, wanted: Mapping[str, Any], override: str | None) -> DependencyPlan:
        """Decide interpreter and dependencies. `wanted` is the `[build]` table of `tolv.toml`; `override` is the
        version that the operator takes in place of what the app asks for.

        Raises `AppError` when the machine lacks the interpreter or a lockfile contradicts its manifest.
        """

    def begin(self, plan: DependencyPlan, context: Context) -> None:
        """Start now what `finish` will need and what takes a moment to be there."""

    def install(self, plan: DependencyPlan, tree: Path, prefix: Path, context: Context) -> tuple[Package, ...]:
        """Install what is planned below `prefix` (which does not exist yet); the tree is not changed."""

    def build_steps(self, tree: Path, plan: DependencyPlan) -> tuple[Step, ...]:
        """What Heroku would run after the installation."""

    def enter(self, plan: DependencyPlan, tree: Path, context: Context) -> tuple[str, ...]:
        """Put into `tree` what build steps need and the image does not; returns its paths (`leave` takes it out)."""

    def leave(self, plan: DependencyPlan, tree: Path) -> None:
        """Undo `enter`."""

    def finish(self, plan: DependencyPlan, tree: Path, context: Context) -> None:
        """Add to the code what makes it ready to run read-only (byte code, for example)."""

    def portable(self, runtime: Runtime, prefix: Path) -> Mapping[str, str | bytes]:
        """What the image has in place of files that name this machine: by path below `prefix`, the target of a
        symbolic link (`str`) or the content of a file (`bytes`)."""

    def owns(self, prefix: str) -> bool:
        """Whether the layer at `prefix` is of this language's making."""

    def attach(self, runtime: Runtime, prefix: Path) -> None:
        """Point an unpacked tree at this machine's interpreter.

        Raises `AppError` when the machine has none that fits.
        """

    def settle(self, prefix: Path, place: Path) -> None:
        """Prepare an unpacked tree for `place`, where it is moved and stays."""

    def attached(self, runtime: Runtime, prefix: Path) -> bool:
        """Whether the interpreter that `attach` chose is still there."""

    def environment(
        self, runtime: Runtime, root: Path, *, image: bool = False
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        """`PATH` directories and variables for a build whose `app` and `opt` lie in `root`.

        With `image` they are those of the image, where `root` is `/`; else this machine's.
        """
