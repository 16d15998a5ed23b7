"""JUnit's XML, for CI servers that show tests: an app is a suite, a probe a test."""

from __future__ import annotations

from tolv.prove.model import Report, Result, Verdict
from tolv.prove.reports import View
from tolv.prove.reports.text import seen
from tolv.reports.text import plain
from tolv.reports.xml import attribute, content


def render(report: Report, view: View) -> str:
    """One document with one suite."""
    cases = [_case(report, one, view) for one in report.results]
    failed = sum("<failure" in case for case in cases)
    skipped = sum("<skipped" in case for case in cases)
    head = (
        f'name={attribute(report.app)} tests={attribute(len(cases))} failures={attribute(failed)} errors="0" '
        f"skipped={attribute(skipped)} time={attribute(f'{report.duration:.3f}')}"
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="tolv prove">\n'
        f"  <testsuite {head}>\n{''.join(cases)}  </testsuite>\n</testsuites>\n"
    )


def _case(report: Report, one: Result, view: View) -> str:
    head = (
        f"    <testcase classname={attribute(f'tolv.prove.{report.app}')} name={attribute(f'{one.id} {one.title}')} "
        f"time={attribute(f'{one.duration:.3f}')}"
    )
    return f"{head}>\n      {_body(one, view)}\n    </testcase>\n"


def _body(one: Result, view: View) -> str:
    said = f"{one.verdict}: {plain(one.outcome.reason)}"
    if view.fails(one):
        return f"<failure type={attribute(one.verdict)} message={attribute(said)}>{content(_lines(one))}</failure>"
    if one.verdict in (Verdict.NOT_PROVABLE, Verdict.NOT_APPLICABLE):
        return f"<skipped message={attribute(said)}/>"
    return f"<system-out>{content([said, *_lines(one)])}</system-out>"


def _lines(one: Result) -> list[str]:
    lines = [f"{each.at:8.2f} s  {each.kind:<7} {seen(each)}" for each in one.evidence]
    lines += [f"cause  {plain(str(cause))} ({cause.rule}, tolv check)" for cause in one.causes]
    if one.expected is not None:
        lines.append(f"expected: {plain(one.expected)}")
    if one.backend:
        lines.append(f"backend: {plain(one.backend)}")
    return lines
