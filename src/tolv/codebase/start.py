"""The start commands of a tree: what is run, through which scripts, and the file that this ends in.

Read from the Procfile, Dockerfiles with their entrypoint scripts, compose files, Kubernetes, systemd, supervisord, the
manifests of platforms, and package.json. Where no file says anything, a convention of the language does.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from tolv.codebase.context import Context, classify
from tolv.codebase.shell import Command
from tolv.codebase.tree_paths import Read, TreePaths

Origin = Literal[
    "Procfile", "Dockerfile", "compose", "kubernetes", "app.json", "package.json", "systemd", "supervisord", "fly.toml",
    "manifest.yml", "heroku.yml", "render.yaml", "tolv.toml", "convention",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Start:
    """One process that is started."""

    type: str
    """The process type, the service's or the container's name; `web` or `app` of a Dockerfile."""
    command: Command
    """The last command of the way: the program itself, with its wrappers. Its line is in the last file of the way."""
    argv: tuple[str, ...]
    """Its words without wrappers (`env`, `tini --`, `bundle exec`) and with `"$@"` put in."""
    text: str
    """What the manifest says."""
    path: str
    """Of the manifest that starts it."""
    line: int
    origin: Origin
    context: Context
    server: str | None
    """The program: `gunicorn`, `node`, `java`; None: only known when it runs."""
    entry: str | None
    """The file of the tree that it starts."""
    through: tuple[tuple[str, int], ...] = ()
    """Files on the way and the lines that call on: entrypoint scripts, package.json, supervisord.conf."""
    wrappers: tuple[str, ...] = ()
    """Wrappers on the way, outermost first: `tini`, `gosu`, `poetry`."""
    parents: tuple[str, ...] = ()
    """Programs that stay in memory above it and get its signals: `sh`, `npm`, `supervisord`; outermost first."""
    env: tuple[tuple[str, str], ...] = ()
    """Variables that the way sets, those of ENV and of the service included."""
    directory: str = ""
    """Where it runs, as a directory of the tree."""
    release: bool = False
    """It is a release phase or another one-off, no process that stays."""
    prod: bool = True
    """It starts the app in production, as far as the files tell."""

    @property
    def place(self) -> tuple[str, int]:
        """The file and line of the last command."""
        return (self.through[-1][0] if self.through else self.path), self.command.line

    def option(self, *names: str) -> str | None:
        """The value of one of the program's options: `--bind X`, `--bind=X`, `-bX`; `''` for one without value."""
        for position, word in enumerate(self.argv[1:], start=1):
            name, sign, value = word.partition("=")
            if word in names:
                following = self.argv[position + 1] if position + 1 < len(self.argv) else ""
                return "" if following.startswith("-") and len(following) > 1 else following
            if sign and name in names:
                return value
            short = next((one for one in names if len(one) == 2 and word.startswith(one) and word[1] != "-"), None)
            if short is not None and len(word) > 2:
                return word[2:]
        return None


#: Types that are run once per release, or by hand.
RELEASE_TYPES = frozenset({"release", "postdeploy", "predeploy", "migrate", "migration", "migrations", "setup", "init"})


def starts(files: Iterable[Any], read: Read) -> tuple[Start, ...]:
    """The start commands of a tree. Never raises.

    `files` are its paths, or objects with a `path` (and a `context`), those of files that are not read left out; `read`
    gives a file's text.
    """
    from tolv.codebase.start_follow import follow
    from tolv.codebase.start_sources import conventions, sources

    contexts: dict[str, Context] = {}
    for file in files:
        path = file if isinstance(file, str) else file.path
        contexts[path] = getattr(file, "context", None) or classify(path)
    tree = TreePaths(contexts, read)
    found = _unique(one for source in sources(tree, contexts) for one in follow(source, tree))
    found = _with_production(found)
    if not any(one.prod for one in found):
        found += [one for source in conventions(tree, contexts) for one in follow(source, tree)]
    return tuple(found)


def _unique(found: Iterator[Start]) -> list[Start]:
    """Without those that two manifests give alike, and those of a supervisord.conf that another start leads through."""
    known: set[tuple[str, ...]] = set()
    kept: list[Start] = []
    reached: set[str] = set()
    for one in found:
        key = (one.path, str(one.line), one.type, *one.argv)
        if key not in known and len(kept) < 500:
            known.add(key)
            kept.append(one)
            reached |= {path for path, _ in one.through}
    return [one for one in kept if not (one.origin == "supervisord" and one.path in reached)]


def _with_production(found: list[Start]) -> list[Start]:
    """`npm start` is production only where nothing else starts that directory's app in production."""
    said = {posixpath.dirname(one.path) for one in found if one.prod and one.origin != "package.json"}

    def covered(one: Start) -> bool:
        directory = posixpath.dirname(one.path)
        return any(directory == place or place.startswith(f"{directory}/") or not directory for place in said) or any(
            directory.startswith(f"{place}/") or not place for place in said
        )

    return [replace(one, prod=False) if one.origin == "package.json" and covered(one) else one for one in found]
