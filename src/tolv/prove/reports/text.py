"""What all formats say in the same words."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from tolv.prove.model import Evidence, Report, Result, Verdict
from tolv.reports.text import amount, plain, short_commit

#: So many are named.
_FEW = 4


def commit(report: Report) -> str | None:
    """`9f3c1a7`, `9f3c1a7-dirty`."""
    return short_commit(f"{report.commit}-dirty" if report.commit and report.dirty else report.commit)


def counted(report: Report) -> list[str]:
    """`38 proved`, `2 refuted (1 expected)` …: the verdicts that there are of what was to be tried."""
    numbers = report.counts
    numbers[Verdict.NOT_PROVABLE] -= len(report.left_out)
    expected = sum(one.verdict is Verdict.REFUTED and not one.unexpected for one in report.results)
    aside = {Verdict.REFUTED: f" ({expected} expected)"} if expected else {}
    return [f"{number} {verdict}{aside.get(verdict, '')}" for verdict, number in numbers.items() if number]


def left_out(report: Report) -> str | None:
    """`33 probes need tier 1 or 2`, of few with their ids; None: all was to be tried."""
    results = report.left_out
    if not results:
        return None
    tiers = " or ".join(map(str, sorted({one.tier for one in results})))
    ids = f": {', '.join(one.id for one in results)}" if len(results) <= _FEW else ""
    return f"{amount(len(results), 'probe')} {'needs' if len(results) == 1 else 'need'} tier {tiers}{ids}"


def few(ids: Sequence[str]) -> str:
    """`VI-P1, VI-P2`; of many the first, and how many more there are."""
    more = f" and {len(ids) - _FEW} more" if len(ids) > _FEW + 1 else ""
    return ", ".join(ids[: _FEW if more else None]) + more


def seconds(duration: float) -> str:
    """`0.3 s`, `71 s`, `2 min 5 s`; nothing for what took no time to speak of."""
    if duration < 0.05:
        return ""
    if duration < 9.95:
        return f"{duration:.1f} s"
    whole = round(duration)
    return f"{whole} s" if whole < 100 else f"{whole // 60} min {whole % 60} s"


def seen(one: Evidence) -> str:
    """`POST /notes {"text":"k-17"} -> 201 on web.1`, `web.1 | a line of its log`: on one line."""
    text = plain(one.text.rstrip("\n"))
    if not one.where:
        return text
    return f"{plain(one.where)} | {text}" if one.kind == "log" else f"{text} on {plain(one.where)}"


def replay(report: Report) -> str | None:
    """The command that tries a refuted (or unstable) probe again, alone; None where all went well."""
    chosen = _worst(report.results)
    if chosen is None:
        return None
    root = f" {shlex.quote(plain(report.root))}" if report.root not in ("", ".") else ""
    manifest = f" --manifest {shlex.quote(plain(report.manifest))}" if report.manifest else ""
    return f"tolv prove{root}{manifest} --only {chosen.id} --keep --verbose"


def missing(results: Iterable[Result]) -> dict[str, list[str]]:
    """Lines for `[prove]` that would let probes be tried, each with the probes that ask for it."""
    lines: dict[str, list[str]] = {}
    for one in results:
        if one.verdict is Verdict.NOT_PROVABLE and not _has_header(one):
            for line in one.outcome.add:
                lines.setdefault(plain(line), []).append(one.id)
    return lines


def sections(results: Iterable[Result]) -> dict[tuple[str, ...], list[str]]:
    """The same for what stands in another section of `tolv.toml`: each with its header."""
    found: dict[tuple[str, ...], list[str]] = {}
    for one in results:
        if one.verdict is Verdict.NOT_PROVABLE and _has_header(one):
            found.setdefault(tuple(map(plain, one.outcome.add)), []).append(one.id)
    return found


def _has_header(result: Result) -> bool:
    return any(line.startswith("[") for line in result.outcome.add)


def _worst(results: Iterable[Result]) -> Result | None:
    results = tuple(results)
    refuted = [one for one in results if one.verdict is Verdict.REFUTED]
    unstable = [one for one in results if one.verdict is Verdict.UNSTABLE]
    return next((one for one in (*sorted(refuted, key=lambda one: not one.unexpected), *unstable)), None)
