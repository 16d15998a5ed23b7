"""The backing services that an app without a declaration seems to need, each with what speaks for it.

A driver alone proves nothing (it may be one of several that an app can use), and neither does a variable: both together
are a reason to propose. Nothing is ever taken for granted: a person adds the lines, or does not.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tolv.codebase.inference.deciding import MAILERS, Wanted, decide
from tolv.codebase.inference.drivers import declared_in, drivers_of
from tolv.codebase.inference.files import Files
from tolv.codebase.inference.mentions import in_examples
from tolv.codebase.inference.reads import in_code
from tolv.codebase.inference.servers import read_platforms
from tolv.codebase.inference.signs import Place, Signs
from tolv.codebase.manifest import read_manifest
from tolv.codebase.model import ServiceNeed
from tolv.codebase.services import kind_named


@dataclass(frozen=True, slots=True)
class Proposal:
    """A service that the app seems to need."""

    need: ServiceNeed
    why: tuple[Place, ...]
    """What speaks for it: a driver, a variable, a server beside it."""

    @property
    def toml(self) -> str:
        """The lines for `tolv.toml`."""
        return as_toml(self.need)

    def __str__(self) -> str:
        """`postgres 16 (psycopg in requirements.txt:12, DATABASE_URL in .env.example:3)`."""
        version = f" {self.need.version}" if self.need.version else ""
        return f"{self.need.kind}{version} ({', '.join(map(str, self.why))})"

    def to_dict(self) -> dict[str, Any]:
        why = [{"what": one.what, "path": one.path, "line": one.line} for one in self.why]
        return {"service": self.need.to_dict(), "why": why, "toml": self.toml}


def propose(tree: Path) -> tuple[Proposal, ...]:
    """What to add to the `tolv.toml` of the app at `tree`; kinds and variables that it declares already are left out.

    Raises `UsageError` for a `tolv.toml` that cannot be understood.
    """
    declared = read_manifest(tree / "tolv.toml").services
    kinds = {kind_named(one.kind).family for one in declared}
    found = [one for one in decide(read_signs(tree)) if kind_named(one.need.kind).family not in kinds]
    return tuple(_apart(found, declared))


def read_signs(tree: Path) -> Signs:
    """The signs of a tree. Never raises for what its files hold; code is read only where a driver is declared."""
    files = Files(tree)
    declared = declared_in(files)
    drivers = tuple(drivers_of(files, declared))
    servers, mentions = read_platforms(files)
    main = frozenset(one.name for one in declared if one.group == "main")
    if drivers or main & MAILERS:
        mentions += [*in_examples(files), *in_code(files)]
    return Signs(drivers, tuple(mentions), tuple(servers), main)


def as_toml(service: ServiceNeed) -> str:
    """A need as the table of `tolv.toml` that declares it."""
    lines = [f"[services.{service.name}]", f"kind = {_quoted(service.kind)}"]
    if service.version is not None:
        lines.append(f"version = {_quoted(service.version)}")
    urls = [name for name, text in service.env if text == "{url}"]
    plain = len(service.env) == len(urls) == 1
    if plain and urls[0] != kind_named(service.kind).variable:
        lines.append(f"env = {_quoted(urls[0])}")
    if not service.required:
        lines.append("required = false")
    if not plain:
        lines.append(f"[services.{service.name}.env]")
        lines += [f"{name} = {_quoted(text)}" for name, text in service.env]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _apart(found: Sequence[Wanted], declared: Sequence[ServiceNeed]) -> Iterator[Proposal]:
    """The proposals that can stand beside each other and what is declared: no name and no variable twice."""
    names = {one.name for one in declared}
    variables = {variable for one in declared for variable, _ in one.env}
    for one in found:
        own = {variable for variable, _ in one.need.env}
        if own.isdisjoint(variables):
            numbered = (f"{one.need.kind}-{number}" for number in itertools.count(2))
            name = next(n for n in itertools.chain((one.need.name, one.need.kind), numbered) if n not in names)
            names.add(name)
            variables |= own
            yield Proposal(replace(one.need, name=name), one.why)
