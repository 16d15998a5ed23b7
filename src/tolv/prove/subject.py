"""The subject: the app under proof, built, with all that is known of how to handle it."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tolv.build.builder import build, unpack
from tolv.build.model import Build, Runnable
from tolv.codebase.git import locate
from tolv.codebase.inference.proposals import propose
from tolv.codebase.manifest import read_manifest
from tolv.codebase.model import Commit, ProcessType, ServiceNeed, Source, Variable
from tolv.codebase.reader import read_app
from tolv.errors import TolvError, UsageError
from tolv.home import Home
from tolv.prove.discovery.discover import discover
from tolv.prove.recipes import Recipes, read_recipes
from tolv.services.urls import parse

#: Addresses that lead nowhere else.
_HERE = ("localhost", "")
#: The port of nobody, for URLs that must be there and lead nowhere.
_NOWHERE = "http://127.0.0.1:9/"


@dataclass(frozen=True, slots=True)
class Subject:
    """An app under proof."""

    path: Path
    """The directory that was named."""
    source: Source
    commit: Commit
    """Its id is empty outside git."""
    build: Build
    runnable: Runnable
    recipes: Recipes
    needs: tuple[ServiceNeed, ...]
    """Backing services: those of `tolv.toml`, else those that it seems to need."""
    notes: tuple[str, ...] = ()
    found: Mapping[str, str] = field(default_factory=dict)
    """Recipes that nobody declared, each with what is said of it: `found write = POST /notes … (app.py:9)`."""
    app: str | None = None
    """Which one of a monorepo was named."""
    manifest: Path | None = None
    """What takes the place of its `tolv.toml`."""
    runtimes: Mapping[str, str] = field(default_factory=dict)
    """By language, the version that was asked for."""

    @property
    def name(self) -> str:
        return self.build.app

    def type(self, name: str) -> ProcessType | None:
        return self.build.process(name)

    @property
    def web(self) -> ProcessType | None:
        return self.type("web")

    @property
    def others(self) -> tuple[ProcessType, ...]:
        """Its process types but web."""
        return tuple(one for one in self.build.processes if one.name != "web")

    @property
    def prepare(self) -> str | None:
        """The command that makes a database ready for the app."""
        return self.recipes.prepare or self.build.release_command

    @property
    def release_command(self) -> str | None:
        """The command of the release phase; of an app without one, what prepares a new database instead. Unlike
        `prepare`, which may add what the proof needs, it is the app's own, and can be run again."""
        return self.build.release_command or self.recipes.prepare

    def unfound(self, name: str, why: str) -> Subject:
        """The same without a recipe that was found, and that is none."""
        found = {**self.found, name: f"{self.found[name]}, and left it: {why}"}
        return replace(self, recipes=self.recipes.without(name), found=found)

    @property
    def health(self) -> str:
        """The path that tells whether it is ready; `/` where none is declared."""
        declared = self.web.health if self.web else None
        return self.recipes.health[0].path if self.recipes.health else declared or "/"


async def read_subject(
    path: Path,
    home: Home,
    app: str | None,
    manifest: Path | None,
    runtimes: Mapping[str, str],
    say: Callable[[str], None],
) -> Subject:
    """Read and build the app at `path`, as it is checked out: its commit, or with uncommitted changes its files.
    `manifest` takes the place of its `tolv.toml`; `runtimes` says by language which version to take.

    Raises what reading and building raise, and `UsageError` for a `[prove]` section that makes no sense or that leads
    away from this machine.
    """
    source = await asyncio.to_thread(locate, path)
    head = source.head
    commit = head or Commit("", 0)
    read = await asyncio.to_thread(read_manifest, manifest or source.path / "tolv.toml")
    refuse_elsewhere(read_recipes(read.prove).env)
    cancelled = threading.Event()
    try:
        made = await asyncio.to_thread(
            build,
            source,
            commit,
            app,
            home,
            say,
            worktree=head is None or head.dirty,
            manifest=manifest,
            runtimes=runtimes,
            cancelled=cancelled,
        )
    finally:
        cancelled.set()
    ready = await asyncio.to_thread(unpack, home, made.digest)
    recipes, found = await asyncio.to_thread(_completed, read.prove, Path(ready.directory), made.app)
    needs, notes = made.services, list(made.notes)
    if not needs:
        proposals = await asyncio.to_thread(_proposals, Path(ready.directory))
        needs = tuple(one for one in proposals if not any(name in recipes.env for name, _ in one.env))
        notes += [
            f"it seems to need {one.kind}: it gets one ({', '.join(name for name, _ in one.env)})" for one in needs
        ]
    return Subject(path, source, commit, made, ready, recipes, needs, tuple(notes), found, app, manifest, runtimes)


def _completed(raw: Mapping[str, Any], root: Path, name: str) -> tuple[Recipes, dict[str, str]]:
    """The recipes that are declared, with those that were found in the code; and what is said of the latter."""
    found: dict[str, Any] = dict(raw)
    notes: dict[str, str] = {}
    for one in discover(root, read_app(root, name=None, fallback_name=name)).proposals:
        if not one.sure or one.name in found:
            continue
        value: Any = {"request": one.value, "file": one.file} if one.file else one.value
        try:
            read_recipes({**found, one.name: value})
        except UsageError:
            continue
        found[one.name] = value
        if one.source != "a guess":
            notes[one.name] = f"found {one.name} = {one.value} ({one.source})"
    return read_recipes(found), notes


def _proposals(root: Path) -> tuple[ServiceNeed, ...]:
    try:
        return tuple(one.need for one in propose(root))
    except TolvError:
        return ()


def refuse_elsewhere(env: Mapping[str, str]) -> None:
    """Raise `UsageError` for a value that leads to another machine: a proof uses throw-away services alone."""
    for name, value in env.items():
        if "://" not in value:
            continue
        try:
            host = parse(value).host
        except TolvError:
            continue
        if not is_here(host):
            raise UsageError(
                f"{name} of [prove] leads to {host}: a proof writes, cuts and kills, so it stays on this machine",
                where="tolv.toml",
                remedy=f"give {name} a loopback address, or leave it out: services are made for the proof",
            )


def is_here(host: str) -> bool:
    """Whether a host is this machine, by its name alone."""
    if host in _HERE or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def defaults(subject: Subject) -> dict[str, str]:
    """Config without services: the defaults of `.env.example`, something fit for each required variable, and the `env`
    of `[prove]`. Made-up values are new each time."""
    found = {}
    for one in subject.build.variables:
        value = one.default if one.default is not None else made_up(one) if one.required else None
        if value is not None:
            found[one.name] = value
    return {**found, **subject.recipes.env}


def made_up(variable: Variable) -> str:
    """A value that fits a variable, and is no one's secret."""
    if variable.choices:
        return variable.choices[0]
    least = f"{variable.minimum:g}" if variable.minimum is not None else "1"
    fixed = {
        "int": least,
        "number": least,
        "port": "1025",
        "bool": "false",
        "url": _NOWHERE,
        "email": "prove@example.org",
        "path": "/tmp",
        "json": "{}",
    }
    if variable.type in fixed:
        return fixed[variable.type]
    return variable.example if variable.example and not variable.secret else secrets.token_urlsafe(32)
