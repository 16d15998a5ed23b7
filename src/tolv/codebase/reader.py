"""Reading an app: its Procfile, `tolv.toml`, `.env.example` and what its languages suggest, as one value."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from tolv.codebase.git import locate
from tolv.codebase.manifest import Manifest, ProcessSettings, ReleaseSettings, read_manifest
from tolv.codebase.model import App, ProcessType, RolloutPolicy, Source
from tolv.codebase.procfile import parse_procfile
from tolv.codebase.schema import read_schema
from tolv.codebase.text import read_text
from tolv.errors import AppError, UsageError
from tolv.names import check_name, slug

#: The name of one-offs (`run.7`), which no process type can have.
_ONE_OFF = "run"
_RELEASE = "release"

#: What the root of an app has, as a hint for who names the directory above it.
_SIGNS = ("Procfile", "tolv.toml", "pyproject.toml", "requirements.txt", "Pipfile", "manage.py", "package.json")


class Suggests(Protocol):
    """The part of a language (`tolv.dependencies.Language`) that reading needs."""

    def detect(self, tree: Path) -> bool:
        """Whether the tree is of this language."""

    def default_processes(self, tree: Path) -> dict[str, str]:
        """Commands by process type, for an app without a Procfile."""


def read_app(tree: Path, *, name: str | None, fallback_name: str, languages: Sequence[Suggests] | None = None) -> App:
    """The app that `tree` declares, or that one of the apps of a monorepo which `name` names.

    `name` is what a person asked for, `fallback_name` (of a directory, of a repository) is made to fit when neither
    they nor `tolv.toml` gives a name. `languages` defaults to all that Tolv knows. Raises `UsageError` for a file that
    cannot be understood, `AppError` if there is nothing to run.
    """
    if name is not None:
        check_name("app", name)
    manifest = read_manifest(tree / "tolv.toml")
    if manifest.apps:
        name, tree, manifest = _one_of_several(tree, name, manifest)
    commands, notes = _commands(tree, manifest, languages)
    release = manifest.release.command or commands.pop(_RELEASE, None)
    commands.pop(_RELEASE, None)
    _check_process_names(commands, manifest)
    if not commands:
        raise _nothing_to_run(tree)
    quantities = {key: one.quantity for key, one in manifest.processes.items() if one.quantity is not None}
    app = App(
        name=name or manifest.name or slug(fallback_name),
        root=tree.absolute(),
        processes=tuple(_process(key, command, manifest) for key, command in commands.items()),
        release_command=release,
        variables=read_schema(tree / ".env.example"),
        build=dict(manifest.build),
        formation=quantities,
        rollout=manifest.rollout,
        services=manifest.services,
        production=manifest.production,
        notes=tuple(notes),
    )
    timeout = manifest.release.timeout
    return app if timeout is None else replace(app, release_timeout=timeout)


def name_source(source: Source, name: str | None) -> tuple[Source, str]:
    """The source of one app, and what it is called, before anything is built.

    In a monorepo the source moves to the root of the app that `name` names; a source that is such a root already has
    the name that the top of the repository gives it. Raises `UsageError` as `read_app` does.
    """
    if name is not None:
        check_name("app", name)
    manifest = read_manifest(source.path / "tolv.toml")
    if not manifest.apps:
        return source, name or manifest.name or _name_from_the_top(source) or slug(source.path.name)
    chosen, root, _ = _one_of_several(source.path, name, manifest)
    return locate(root), chosen


def list_apps(tree: Path) -> dict[str, Path]:
    """The apps that a monorepo's `tolv.toml` declares, by name, with their roots; empty if it declares none.

    Raises `UsageError` for a root that is not a directory inside `tree`.
    """
    roots = {}
    for name, root in read_manifest(tree / "tolv.toml").apps.items():
        place = tree / root
        if not place.is_dir() or not place.resolve().is_relative_to(tree.resolve()):
            raise UsageError(
                f"apps.{name}.root must be a directory below tolv.toml, and {root!r} is none",
                where="tolv.toml",
                remedy="write the path relative to tolv.toml, without ..; commit the directory",
            )
        roots[name] = place
    return roots


def _name_from_the_top(source: Source) -> str | None:
    """What the `tolv.toml` at the top of the repository calls the app whose root this source is."""
    if source.repository is None or not source.prefix:
        return None
    apps = list_apps(source.repository)
    return next((name for name, root in apps.items() if root.resolve() == source.path), None)


def _one_of_several(tree: Path, name: str | None, manifest: Manifest) -> tuple[str, Path, Manifest]:
    """The name, root and manifest of the app that is meant."""
    apps = list_apps(tree)
    if name is None and len(apps) > 1:
        raise UsageError(
            f"this codebase holds several apps: {', '.join(apps)}",
            where="tolv.toml",
            remedy="name one of them with --app",
        )
    chosen = name or next(iter(apps))
    if chosen not in apps:
        close = difflib.get_close_matches(chosen, apps, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"it has: {', '.join(apps)}"
        raise UsageError(f"this codebase has no app {chosen!r}", where="tolv.toml", remedy=remedy)
    if apps[chosen].resolve() == tree.resolve():
        return chosen, tree, manifest
    at_top = any(root.resolve() == tree.resolve() for root in apps.values())
    own_tables = manifest.processes or manifest.build or manifest.services or manifest.rollout != RolloutPolicy()
    if not at_top and (own_tables or manifest.release != ReleaseSettings()):
        raise UsageError(
            "[processes], [release], [rollout], [build] and [services] have no app to apply to beside [apps]",
            where="tolv.toml",
            remedy="move them to the tolv.toml in the app's own root",
        )
    own = read_manifest(apps[chosen] / "tolv.toml")
    if own.apps:
        raise UsageError(
            "the app of a monorepo cannot hold further apps",
            where=f"{manifest.apps[chosen]}/tolv.toml",
            remedy="name them all in the tolv.toml at the top",
        )
    return chosen, apps[chosen], own


def _commands(tree: Path, manifest: Manifest, languages: Sequence[Suggests] | None) -> tuple[dict[str, str], list[str]]:
    """The command of each process type, `release` included, and what a person should know of where they come from."""
    notes = []
    text = read_text(tree / "Procfile")
    if text is not None:
        commands = {name: command for name, command, _ in parse_procfile(text, "Procfile")}
    else:
        commands = _suggested(tree, languages)
        said = {name for name, settings in manifest.processes.items() if settings.command is not None}
        said |= {_RELEASE} if manifest.release.command is not None else set()
        notes = [f"no Procfile: {name} runs `{command}`" for name, command in commands.items() if name not in said]
    for name, settings in manifest.processes.items():
        if settings.command is not None:
            if text is not None and name in commands:
                notes.append(f"tolv.toml replaces the Procfile's command of {name}")
            commands[name] = settings.command
    return commands, notes


def _suggested(tree: Path, languages: Sequence[Suggests] | None) -> dict[str, str]:
    """The default commands of all languages that the tree is of; where two suggest one type, the first counts."""
    if languages is None:
        from tolv.dependencies import LANGUAGES

        languages = LANGUAGES
    commands: dict[str, str] = {}
    for language in languages:
        if language.detect(tree):
            commands = language.default_processes(tree) | commands
    return commands


def _check_process_names(commands: Mapping[str, str], manifest: Manifest) -> None:
    if _ONE_OFF in commands:
        raise UsageError(
            "no process type can be called run: that is the name of one-offs", where="Procfile", remedy="rename it"
        )
    for name in manifest.processes:
        if name == _RELEASE:
            raise UsageError(
                "release is a phase, not a process type",
                where="tolv.toml",
                remedy="write [release], not [processes.release]",
            )
        if name not in commands:
            close = difflib.get_close_matches(name, commands, n=1)
            remedy = (
                f"did you mean {close[0]}?" if close else f"give it a command, or a line `{name}: …` in the Procfile"
            )
            raise UsageError(
                f"[processes.{name}] describes a process type without a command", where="tolv.toml", remedy=remedy
            )
        _check_health(name, manifest.processes[name])


def _check_health(name: str, settings: ProcessSettings) -> None:
    """A setting that never holds is an error, as everywhere in this file."""
    said = [key for key in ProcessSettings.__dataclass_fields__ if key.startswith("health_") and getattr(settings, key)]
    if said and settings.health is None:
        raise UsageError(
            f"processes.{name}.{said[0]} has no health path to apply to",
            where="tolv.toml",
            remedy=f'add health = "/healthz" to [processes.{name}], or remove {said[0]}',
        )


def _process(name: str, command: str, manifest: Manifest) -> ProcessType:
    settings = manifest.processes.get(name, ProcessSettings())
    given = {key: getattr(settings, key) for key in ProcessSettings.__dataclass_fields__ if key != "quantity"}
    said = {key: value for key, value in given.items() if value is not None}
    return ProcessType(**{"name": name, **said, "command": command})


def _nothing_to_run(tree: Path) -> AppError:
    misspelt = [path.name for path in tree.glob("[Pp][Rr][Oo][Cc][Ff][Ii][Ll][Ee]*") if path.name != "Procfile"]
    found = (
        f"; there is a {misspelt[0]}, but only `Procfile` counts"
        if misspelt and not (tree / "Procfile").exists()
        else ""
    )
    below = sorted(one.name for one in tree.iterdir() if any((one / name).is_file() for name in _SIGNS))
    instead = f", or name the directory of an app in it: {', '.join(below)}" if below else ""
    return AppError(
        f"the app has no process to run{found}",
        where="Procfile",
        remedy=f"add a file `Procfile` with a line such as `web: gunicorn mysite.wsgi`{instead}",
    )
