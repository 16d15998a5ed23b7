"""`python -m tolv.check.reference`: docs/rules.md, made from the rules' own declarations."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tolv.check.catalogue import catalogue
from tolv.check.rule import Rule
from tolv.factors import FACTORS
from tolv.reports.markdown import block, cell, own
from tolv.reports.terminal import Paper

_INTRODUCTION = """\
# Rules

<!-- Made by `python -m tolv.check.reference` from the rules' declarations. -->

Each rule with the severity that it gives at most: where a file is for development or for CI, it gives less, and in
tests, examples and documentation nothing at all. `tolv explain RULE` says the same in a terminal.
"""

_READS = {
    "python": "Python",
    "javascript": "JavaScript and TypeScript",
    "go": "Go",
    "java": "Java",
    "ruby": "Ruby",
    "php": "PHP",
    "manifests": "manifests",
    "git": "the history",
}


def reference(rules: Mapping[str, Rule]) -> str:
    """The page, as Markdown."""
    return "\n".join([_INTRODUCTION, *_table(rules.values()), *_sections(rules.values())])


def as_text(rule: Rule) -> str:
    """What a rule says of itself, for a terminal."""
    paper = Paper()
    parts = [
        f"{rule.id}  {rule.severity}  {rule.title}",
        "",
        *paper.wrapped(rule.why, "  "),
        "",
        *paper.wrapped(f"Fix: {rule.fix}", "  "),
        "",
        "  Not so:",
        textwrap.indent(textwrap.dedent(rule.bad).strip("\n"), "      "),
        "",
        "  But so:",
        textwrap.indent(textwrap.dedent(rule.good).strip("\n"), "      "),
        "",
        f"  Reads    {_reads(rule)}",
        f"  Source   {rule.source}",
    ]
    if rule.probe:
        parts.append(f"  Probe    {rule.probe}: tolv prove --only {rule.probe}")
    parts.append(f"  Ignore   # tolv: ignore[{rule.id}] and why")
    return "\n".join(parts)


def as_data(rule: Rule) -> dict[str, Any]:
    """What a rule says of itself, as plain values."""
    names = ("id", "severity", "title", "why", "fix", "bad", "good", "source", "probe")
    return {"factor": rule.label, **{name: getattr(rule, name) for name in names}, "materials": list(rule.materials)}


def _table(rules: Iterable[Rule]) -> Iterator[str]:
    yield "| rule | severity | what is wrong |"
    yield "| --- | --- | --- |"
    for rule in rules:
        yield f"| [{rule.id}](#{_anchor(rule)}) | {rule.severity} | {cell(rule.title)} |"
    yield ""


def _sections(rules: Iterable[Rule]) -> Iterator[str]:
    by_label: dict[str, list[Rule]] = {}
    for rule in rules:
        by_label.setdefault(rule.label, []).append(rule)
    for factor in FACTORS:
        if factor.label in by_label:
            yield f"## {factor.label} {factor.title}\n"
            yield f"{factor.rule}.\n"
            for rule in by_label[factor.label]:
                yield from _section(rule)


def _section(rule: Rule) -> Iterator[str]:
    yield f"### {rule.id}\n"
    yield f"**{own(rule.title)}.** {own(rule.why)}\n"
    yield f"*Fix.* {own(rule.fix)}\n"
    yield f"Not so:\n\n{block(rule.bad)}\n"
    yield f"But so:\n\n{block(rule.good)}\n"
    yield "| | |"
    yield "| --- | --- |"
    yield f"| severity | {rule.severity} |"
    yield f"| reads | {_reads(rule)} |"
    yield f"| source | {cell(_source(rule.source))} |"
    if rule.probe:
        yield f"| what reading cannot settle | `tolv prove --only {rule.probe}` |"
    yield ""


def _anchor(rule: Rule) -> str:
    return rule.id.lower()


def _reads(rule: Rule) -> str:
    return ", ".join(_READS[one] for one in rule.materials)


def _source(source: str) -> str:
    return f"<{source}>" if source.startswith("https://") and " " not in source else own(source)


if __name__ == "__main__":
    print(reference(catalogue()), end="")
