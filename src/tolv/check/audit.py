"""One audit as a person asks for it: the check, and what was already answered for."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from tolv.check import baseline as baselines
from tolv.check.answered import leave_out, only_new
from tolv.check.at_ref import checked_out
from tolv.check.bare import with_a_work_tree
from tolv.check.baseline import Baseline
from tolv.check.catalogue import chosen
from tolv.check.model import SEVERITIES, Report, Severity
from tolv.check.rule import Rule
from tolv.check.suppress import covers, suppress
from tolv.codebase.manifest import CheckSettings, read_manifest

#: Bytes of a file that remarks are looked for in and lines are shown of.
_LARGEST = 8 << 20

Check = Callable[[Path, tuple[str, ...]], Report]
"""Checks a directory for the rules with these ids; none: all."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for, beside the path."""

    only: tuple[str, ...] = ()
    """Rules and factors, as a person names them; empty: what `tolv.toml` selects."""
    baseline: Baseline | None = None
    since: str | None = None
    """A commit, `main`: only what is new against it. Two, `main..topic`: what the second has and the first has not."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The answer."""

    report: Report
    """What is to be shown."""
    whole: Report
    """The same before the baseline: what a new baseline is written from."""
    remarks: tuple[str, ...] = ()
    """What is to be said of the baseline itself."""


def audit(path: Path, request: Request, rules: dict[str, Rule], check: Check, today: date) -> Audit:
    """Check `path`, and take out what was answered for. Of a bare repository the newest commit is checked.

    Raises `UsageError` for a directory, rule, commit or `tolv.toml` that does not hold, `PlatformError` if git fails.
    """
    with with_a_work_tree(path) as place:
        old, new = _ends(request.since)
        if place != path:
            new = new or "HEAD"
        found = _audit(place, (old, new), request, rules, check, today)
    if place == path:
        return found
    return replace(found, report=replace(found.report, root=str(path)), whole=replace(found.whole, root=str(path)))


def _audit(
    path: Path,
    ends: tuple[str | None, str | None],
    request: Request,
    rules: dict[str, Rule],
    check: Check,
    today: date,
) -> Audit:
    old, new = ends
    with checked_out(path, new) if new else nullcontext(path) as root:
        settings = read_manifest(root / "tolv.toml").check
        only = _selected(request, settings, rules)
        found = leave_out(check(root, only), _outside(settings))
        whole = suppress(found, settings, lambda name: read_lines(str(root), name))
    whole = replace(whole, root=str(path)) if new else whole
    report, said = whole, tuple[str, ...]()
    if request.baseline is not None:
        said = tuple(baselines.remarks(whole, request.baseline, today, only or rules))
        report = baselines.apply(whole, request.baseline, today)
    if old is not None:
        with checked_out(path, old) as before:
            known = {one.fingerprint for one in check(before, only).findings}
        report = only_new(report, known, old)
    return Audit(report, whole, said)


def fails(report: Report, fail_on: Severity | None) -> bool:
    """Whether a report has a finding of this severity, or a graver one."""
    if fail_on is None:
        return False
    grave = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    return any(one.severity in grave for one in report.findings)


def read_lines(root: str, path: str) -> Sequence[str] | None:
    """The lines of a file below `root`, without their ends; None if it cannot be read, or is no file of at most
    8 MiB, or a link."""
    try:
        handle = os.open(os.path.join(root, path), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
        os.close(handle)
        return None
    with open(handle, "rb") as file:
        text = file.read(_LARGEST).decode("utf-8-sig", "replace")
    return [line.removesuffix("\r") for line in text.split("\n")]


def _ends(since: str | None) -> tuple[str | None, str | None]:
    """What to compare with, and the commit to check; None for the files as they are."""
    if since is None or ".." not in since:
        return since, None
    old, _, new = since.partition("..")
    return old or "HEAD", new.removeprefix(".") or "HEAD"


def _selected(request: Request, settings: CheckSettings, rules: dict[str, Rule]) -> tuple[str, ...]:
    for one in settings.ignore:
        chosen((one.rule,), rules, "tolv.toml")
    if request.only:
        return chosen(request.only, rules)
    return chosen(settings.select, rules, "tolv.toml")


def _outside(settings: CheckSettings) -> Callable[[str], bool]:
    return lambda path: any(covers(glob, path) for glob in settings.exclude)
