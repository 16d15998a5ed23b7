"""Fixtures of rules: small trees in which a rule must find something at a place, or must stay silent."""

from __future__ import annotations

import os
import subprocess
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tolv.check.engine import Options, check
from tolv.check.model import Finding
from tolv.check.sightings import FAULT


@dataclass(frozen=True)
class Case:
    """One tree, and what the rule must say of it."""

    rule: str
    material: str
    """A language, `manifests` or `git`: what the case is about."""
    files: Mapping[str, str]
    at: tuple[str, ...]
    """Places of the findings in order: `path:line`, or `path` for a whole file; empty: none."""
    why: str
    severity: str | None = None
    """Of all of them; None: whatever."""
    git: tuple[str, ...] = ()
    """Commands of git that are run in the tree first; `@2024-01-31 commit …` is run on that day."""

    def __str__(self) -> str:
        return f"{self.rule}-{self.material}-{'finds' if self.at else 'silent'}-{self.why}".replace(" ", "_")[:100]

    def run(self, directory: Path) -> None:
        """Write the tree, check it for the one rule, compare."""
        found = findings_of(self.rule, self.files, directory, self.git)
        places = [shown(one) for one in found]
        assert places == list(self.at), "\n".join(f"{shown(one)} {one.severity} {one.message}" for one in found)
        if self.severity is not None:
            assert {one.severity for one in found} == {self.severity}


def bad(
    rule: str,
    material: str,
    files: Mapping[str, str],
    *at: str,
    why: str = "plain",
    severity: str | None = None,
    git: tuple[str, ...] = (),
) -> Case:
    """The rule must find just these places."""
    return Case(rule, material, files, at, why, severity, git)


def ok(rule: str, material: str, files: Mapping[str, str], why: str, git: tuple[str, ...] = ()) -> Case:
    """A look-alike: the rule must find nothing, as `why` says."""
    return Case(rule, material, files, (), why, git=git)


def findings_of(rule: str, files: Mapping[str, str], directory: Path, git: tuple[str, ...] = ()) -> list[Finding]:
    """What one rule finds in a tree, by place."""
    write(files, directory)
    for command in git:
        run_git(directory, command)
    report = check(directory, Options(only=(rule,), cache=False, strict=True))
    assert not [one for one in report.unread if one.why.startswith(FAULT)]
    return sorted(report.findings, key=lambda one: (one.place.path, one.place.line or 0))


def write(files: Mapping[str, str], directory: Path) -> None:
    """Write a tree; texts are dedented, so that they can stand in the middle of a test."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))


def shown(finding: Finding) -> str:
    """Its place as a case names it."""
    place = finding.place
    return place.path if place.line is None else f"{place.path}:{place.line}"


def run_git(directory: Path, command: str) -> None:
    """Run one command of git in a tree, as nobody in particular."""
    day, words = "2024-01-01", command.split(" ")
    if words[0].startswith("@"):
        day, words = words[0][1:], words[1:]
    at = {"GIT_AUTHOR_DATE": f"{day}T12:00:00Z", "GIT_COMMITTER_DATE": f"{day}T12:00:00Z"}
    someone = {
        f"GIT_{who}_{what}": "someone@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    nothing = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    subprocess.run(
        ["git", *words], cwd=directory, env=os.environ | at | someone | nothing, check=True, capture_output=True
    )
