"""JUnit's XML, for CI servers that show tests: each kind of difference is a test."""

from __future__ import annotations

from tolv.parity.kinds import KINDS
from tolv.parity.model import JUDGEMENTS, Parity, worse
from tolv.parity.reports import View
from tolv.parity.reports.text import SEVERITIES, message, remedy, title
from tolv.reports.xml import attribute, content


def render(parity: Parity, view: View) -> str:
    """One document with one suite."""
    cases = [_case(parity, kind, view) for kind in KINDS]
    failed = sum("<failure" in case for case in cases)
    head = (
        f"name={attribute(title(parity))} tests={attribute(len(cases))} failures={attribute(failed)} "
        f'errors="0" skipped="0" timestamp={attribute(parity.measured)}'
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="tolv parity">\n'
        f"  <testsuite {head}>\n{''.join(cases)}  </testsuite>\n</testsuites>\n"
    )


def _case(parity: Parity, kind: str, view: View) -> str:
    found = [one for one in parity.differences if one.kind == kind]
    head = f"    <testcase classname={attribute(f'tolv.parity.{parity.app}')} name={attribute(KINDS[kind])}"
    if not found:
        return f"{head}/>\n"
    lines = [message(one) + (f"\n  Remedy: {remedy(one)}" if one.remedy else "") for one in found]
    worst = max((one.judgement for one in found), key=JUDGEMENTS.index)
    if worse(worst, view.fail_over):
        said = attribute(message(found[0]) + (" …" if len(found) > 1 else ""))
        body = f"<failure type={attribute(SEVERITIES[worst])} message={said}>{content(lines)}</failure>"
    else:
        body = f"<system-out>{content(lines)}</system-out>"
    return f"{head}>\n      {body}\n    </testcase>\n"
