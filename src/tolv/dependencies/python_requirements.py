"""requirements.txt, as far as a plan needs it: what it includes, whether it pins and hashes, what is local."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tolv.codebase.requirements import normalise
from tolv.errors import AppError

__all__ = ["Requirements", "normalise", "read_requirements", "requirement_name", "requirement_names"]

_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(.*)$")


@dataclass(frozen=True, slots=True)
class Requirements:
    """A requirements file with all that it includes."""

    digest: str
    """Of all its text."""
    names: frozenset[str]
    """Normalised names of the packages that it names."""
    unpinned: tuple[str, ...]
    hashed: bool
    """Some line carries a hash: then every line must, and uv verifies each."""
    local: bool
    """Some line is a path: the tree itself is part of what is installed."""


def read_requirements(path: Path) -> Requirements:
    """Read a requirements file and its `-r` and `-c` includes.

    Raises `AppError` for an include that is missing.
    """
    texts: list[str] = []
    lines = list(_lines(path, path.parent, texts, set()))
    wanted = [line for line in lines if not line.startswith("-") or re.match(r"-e\b|--editable\b", line)]
    named = [match for line in wanted if not _is_local(line) and (match := _NAME.match(line))]
    return Requirements(
        digest=hashlib.sha256("\0".join(texts).encode()).hexdigest(),
        names=frozenset(normalise(match.group(1)) for match in named),
        unpinned=tuple(match.group(1) for match in named if not re.match(r"===?[^*]+$|@", _specifier(match.group(2)))),
        hashed=any("--hash=" in line or line == "--require-hashes" for line in lines),
        local=any(_is_local(line) for line in wanted),
    )


def requirement_name(requirement: str) -> str:
    """The name that a PEP 508 requirement starts with, as it is written there."""
    match = _NAME.match(requirement.strip())
    return match.group(1) if match else ""


def requirement_names(requirements: Iterable[str]) -> frozenset[str]:
    """The normalised names of PEP 508 requirements."""
    return frozenset(normalise(requirement_name(one)) for one in requirements)


def _specifier(rest: str) -> str:
    return re.split(r";|\s--hash", rest)[0].strip()


def _is_local(line: str) -> bool:
    line = re.sub(r"^(?:-e|--editable)[\s=]+", "", line)
    return line.startswith((".", "/", "file:")) or (
        "://" not in line and re.match(r"[^;@\s]*/|[^;\s]*\.(?:whl|tar\.gz|zip)$", line) is not None
    )


def _lines(path: Path, root: Path, texts: list[str], seen: set[Path]) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        raise AppError(
            f"{path.name} is included, but is not there",
            where=path.name,
            remedy="add the file, or remove the line that includes it",
        ) from None
    seen.add(path)
    texts.append(text)
    found: list[str] = []
    for raw in re.sub(r"\\\r?\n", " ", text).splitlines():
        line = re.sub(r"(^|\s)#.*$", "", raw).strip()
        include = re.match(r"(?:-r|--requirement|-c|--constraint)[\s=]*(\S+)", line)
        if include:
            other = (path.parent / include.group(1)).resolve()
            if other not in seen and "://" not in include.group(1):
                inner = _lines(other, root, texts, seen)
                found += inner if line.startswith(("-r", "--r")) else []
        elif line:
            found.append(line)
    return found
