"""`.env.example`: the variables that the code reads and no template names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.fixes import Change, appended
from tolv.check.fixes.tree import Tree, below
from tolv.check.model import Finding, Report

_TEMPLATES = (".env.example", ".env.sample", ".env.template", ".env.dist", "env.example", "example.env")
_RULES = frozenset({"III-05", "III-09"})
_NAME = re.compile(r"[A-Z_][A-Z0-9_]{1,100}")


def env_example(report: Report, tree: Tree) -> Iterator[Change]:
    """Each variable that a finding is about, asked for: `NAME=`."""
    wanted: dict[str, dict[str, Finding]] = {}
    for finding in report.findings:
        if finding.rule in _RULES:
            for name in _names(finding):
                wanted.setdefault(_template(finding.unit, tree), {}).setdefault(name, finding)
    for path, variables in wanted.items():
        before = tree.read(path)
        if before is None and tree.exists(path):
            continue
        lines = [line for name, one in variables.items() if not _has(before, name) for line in _entry(name, one)]
        if lines:
            yield Change(path, before, appended(before, lines), f"name in {path} what the code reads; say what each is")


def _names(finding: Finding) -> Iterator[str]:
    """The variables a finding is about: its subject, where the code at its place names them too."""
    for name in re.split(r"[,\s]+", finding.subject):
        if _NAME.fullmatch(name) and (finding.rule == "III-09" or name in finding.snippet):
            yield name


def _template(unit: str, tree: Tree) -> str:
    """The template that the unit has, or that of the top, or the one to be made."""
    for directory in dict.fromkeys((unit, "")):
        for name in _TEMPLATES:
            if tree.read(below(directory, name)) is not None:
                return below(directory, name)
    return below(unit, _TEMPLATES[0])


def _has(text: str | None, name: str) -> bool:
    return re.search(rf"^[ \t]*#?[ \t]*(export[ \t]+)?{name}[ \t]*=", text or "", re.MULTILINE) is not None


def _entry(name: str, finding: Finding) -> list[str]:
    path = finding.place.path
    return [f"# Read in {path}.", f"{name}="] if path.isprintable() and path else [f"{name}="]
