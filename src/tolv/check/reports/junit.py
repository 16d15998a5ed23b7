"""JUnit's XML, for CI servers that show tests: an app is a suite, a factor a test."""

from __future__ import annotations

from collections.abc import Sequence

from tolv.check.model import SEVERITIES, FactorReport, Report, Severity
from tolv.check.reports import View
from tolv.check.reports.text import by_weight, fix, message, place, probe_hint, severity
from tolv.reports.text import plain, plain_block
from tolv.reports.xml import attribute, content


def render(reports: Sequence[Report], view: View) -> str:
    """One document with a suite for each report."""
    suites = "".join(_suite(report, view) for report in reports)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="tolv check">\n{suites}</testsuites>\n'


def _suite(report: Report, view: View) -> str:
    cases = [_case(report, factor, view) for factor in report.factors]
    failed = sum("<failure" in case for case in cases)
    skipped = sum("<skipped" in case for case in cases)
    head = (
        f'name={attribute(report.app)} tests={attribute(len(cases))} failures={attribute(failed)} errors="0" '
        f"skipped={attribute(skipped)} time={attribute(f'{report.duration:.3f}')}"
    )
    return f"  <testsuite {head}>\n{''.join(cases)}  </testsuite>\n"


def _case(report: Report, factor: FactorReport, view: View) -> str:
    name = f"{factor.factor.label} {factor.factor.title}"
    head = f"    <testcase classname={attribute(f'tolv.check.{report.app}')} name={attribute(name)}"
    body = _body(factor, view)
    return f"{head}>\n{body}    </testcase>\n" if body else f"{head}/>\n"


def _body(factor: FactorReport, view: View) -> str:
    failing = [one for one in by_weight(factor.findings) if _fails(severity(one), view)]
    if failing:
        text = _text(factor, view)
        said = f"{len(failing)} × {failing[0].rule} …" if len(failing) > 1 else message(failing[0])
        return f"      <failure type={attribute(severity(failing[0]))} message={attribute(said)}>{text}</failure>\n"
    if factor.verdict in ("cannot tell", "not applicable"):
        said = "; ".join(filter(None, (factor.verdict, factor.why, probe_hint(factor))))
        return f"      <skipped message={attribute(said)}/>\n"
    return f"      <system-out>{_text(factor, view)}</system-out>\n" if factor.findings else ""


def _fails(grave: Severity, view: View) -> bool:
    return view.fail_on is not None and SEVERITIES.index(grave) <= SEVERITIES.index(view.fail_on)


def _text(factor: FactorReport, view: View) -> str:
    lines = []
    for one in by_weight(factor.findings):
        lines.append(f"{place(one)}: {one.rule} {severity(one)}: {plain(one.message)}")
        if remedy := fix(one, view):
            lines.append(f"  Fix: {plain_block(remedy)}")
    return content(lines)
