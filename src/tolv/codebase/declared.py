"""What an app says it is made of: plain values that the readers of all package managers give."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

PackageLanguage = Literal["python", "javascript", "go", "java", "ruby", "php"]
Group = Literal["main", "dev", "optional", "build"]
"""`optional`: extras, peers, groups that an installation leaves out unless asked; `build`: what builds the package."""

#: Bytes of a manifest that are read; a larger one is named unread.
LARGEST_MANIFEST = 4 << 20
#: Bytes of a lockfile that are read.
LARGEST_LOCK = 64 << 20


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a dependency comes from that no registry gives."""

    kind: Literal["vcs", "path", "url"]
    text: str
    """The address, or the path as written."""
    reference: str | None = None
    """Of version control: the branch, tag or commit that is asked for; None: whatever the tip is."""

    @property
    def fixed(self) -> bool:
        """It names a commit, or what it names cannot move."""
        if self.kind != "vcs":
            return self.kind == "path" or "#sha256=" in self.text
        reference = self.reference or ""
        return 7 <= len(reference) <= 64 and not reference.lower().strip("0123456789abcdef")


def origin_of_address(text: str) -> Origin:
    """What an address without a scheme of version control means: an archive that a host makes of a branch, tag or
    commit is version control, any other file is a file."""
    match = _ARCHIVE.match(text)
    return Origin("vcs", match[1], match[2].removeprefix("refs/")) if match else Origin("url", text)


_ARCHIVE = re.compile(
    r"(https?://[^/\s]+/[^\s]+?)(?:/-)?/(?:tarball|zipball|archive|get)/(?:refs/(?:heads|tags)/)?"
    r"([^\s#?]+?)(?:\.tar\.gz|\.tgz|\.zip|\.tar\.bz2)?(?:[#?]\S*)?$"
)


@dataclass(frozen=True, slots=True)
class Declared:
    """A dependency that a manifest names."""

    name: str
    """As the registry has it: normalised by PEP 503 for Python, `group:artifact` for Java, a module path for Go."""
    constraint: str
    """As written: `>=2,<3`, `^4.17.1`, `~> 7.0`; empty: any version."""
    group: Group
    language: PackageLanguage
    path: str
    line: int
    source: Origin | None = None
    managed: bool = False
    """Something else gives the version: a parent, a BOM, a version catalogue, a workspace."""
    indirect: bool = False
    """Written by the tool as what others pull in: `// indirect`, a `# via flask` line."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A file that fixes versions, those of what is pulled in included."""

    path: str
    tool: str
    """`uv`, `poetry`, `pip` (a list that pins everything), `npm`, `yarn`, `pnpm`, `bun`, `go`, `bundler` …"""
    language: PackageLanguage
    pinned: Mapping[str, str] = field(default_factory=dict)
    """Versions by name; one of several, where a lock has several."""
    namespaces: Mapping[str, str] = field(default_factory=dict)
    """PHP: the package by the namespace prefix that it loads."""
    problem: str | None = None
    """Why it could not be read, or not in full; `pinned` then says nothing of what is absent."""


@dataclass(frozen=True, slots=True)
class RuntimeVersion:
    """A place that says which version of a language is meant."""

    language: PackageLanguage
    text: str
    """As written: `3.12.1`, `>=18 <21`, `python-3.11.4`."""
    path: str
    line: int
    range: bool
    """It allows more than one minor version."""


@dataclass(frozen=True, slots=True)
class Own:
    """What the tree itself is called by those who import it: a package, a Go module, a workspace's member."""

    language: PackageLanguage
    name: str
    path: str
    """Of the manifest that says so."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one file says."""

    path: str
    language: PackageLanguage
    declared: tuple[Declared, ...] = ()
    runtimes: tuple[RuntimeVersion, ...] = ()
    locks: tuple[Lock, ...] = ()
    own: tuple[Own, ...] = ()
    includes: tuple[str, ...] = ()
    """Paths of other files that it draws in."""
    workspace: bool = False
    """It says that packages below it are members of one workspace."""
    dynamic: bool = False
    """It computes its dependencies, so that those found may not be all."""
    lists: bool = True
    """It is a list of dependencies, not just a file that may hold one (a pyproject.toml of tool settings)."""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Packages:
    """What the manifests and locks of an app say, together."""

    declared: tuple[Declared, ...] = ()
    locks: tuple[Lock, ...] = ()
    runtimes: tuple[RuntimeVersion, ...] = ()
    manifests: tuple[str, ...] = ()
    """Paths of the files that list dependencies."""
    own: tuple[Own, ...] = ()
    workspaces: tuple[str, ...] = ()
    """Paths of the manifests that declare a workspace."""
    dynamic: tuple[str, ...] = ()
    """Paths of the manifests that compute their dependencies."""
    problems: tuple[tuple[str, str], ...] = ()
    """What could not be read: path and why."""
    languages: Mapping[str, PackageLanguage] = field(default_factory=dict)
    """By manifest, its language."""

    def of(self, language: str, *groups: Group) -> tuple[Declared, ...]:
        """The dependencies of a language, of these groups or of all."""
        return tuple(d for d in self.declared if d.language == language and (not groups or d.group in groups))

    def manifests_of(self, language: str) -> tuple[str, ...]:
        """The manifests of a language."""
        return tuple(path for path in self.manifests if self.languages.get(path) == language)

    def locks_of(self, language: str) -> tuple[Lock, ...]:
        """The locks of a language."""
        return tuple(lock for lock in self.locks if lock.language == language)


class Lines:
    """The line numbers of a text, by offset. Lines count from 1."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0]
        at = text.find("\n")
        while at >= 0:
            self._starts.append(at + 1)
            at = text.find("\n", at + 1)

    def of(self, offset: int) -> int:
        """The line in which a character is."""
        return bisect_right(self._starts, max(offset, 0))

    def find(self, *needles: str, after: int = 0, before: int | None = None) -> int:
        """The line of the first of the needles that is found; that of `after` if none is."""
        for needle in needles:
            at = self.text.find(needle, after, len(self.text) if before is None else before)
            if at >= 0:
                return self.of(at)
        return self.of(after)


def too_large(text: str, most: int = LARGEST_MANIFEST) -> str | None:
    """Why a text is not read, if it is too large."""
    return f"larger than {most >> 20} MiB" if len(text) > most else None


def merged(manifests: Iterable[Manifest]) -> Packages:
    """All that several files say."""
    files = tuple(manifests)
    listing = tuple(one for one in files if one.lists)
    return Packages(
        declared=tuple(d for one in files for d in one.declared),
        locks=tuple(lock for one in files for lock in one.locks),
        runtimes=tuple(version for one in files for version in one.runtimes),
        manifests=tuple(one.path for one in listing),
        own=tuple(own for one in files for own in one.own),
        workspaces=tuple(one.path for one in files if one.workspace),
        dynamic=tuple(one.path for one in files if one.dynamic),
        problems=tuple((one.path, one.problem) for one in files if one.problem)
        + tuple((lock.path, lock.problem) for one in files for lock in one.locks if lock.problem),
        languages={one.path: one.language for one in listing},
    )
