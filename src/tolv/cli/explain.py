"""`tolv explain`: what a rule looks for, or a probe tries."""

from __future__ import annotations

import re
from typing import Any

import click

from tolv.cli.options import Call, common_options, pass_call


@click.command()
@click.argument("rule", metavar="RULE|PROBE")
@common_options
@pass_call
def explain(call: Call, rule: str) -> None:
    """Say what a rule looks for or a probe tries, why it matters, how to mend it, and where it comes from.

    \b
    Example:
      tolv explain III-05
      tolv explain VI-P2
    """
    is_probe = re.fullmatch(r"[A-Z]+-P[0-9]+", rule.strip().upper())
    text, data = _probe(rule.strip().upper()) if is_probe else _rule(rule)
    if call.console.as_json:
        call.console.json(data)
    else:
        title, *rest = text.splitlines()
        call.console.line(call.console.paint(title, "bold"))
        for line in rest:
            call.console.line(line)


def _rule(name: str) -> tuple[str, dict[str, Any]]:
    from tolv.check.catalogue import catalogue, named
    from tolv.check.reference import as_data, as_text

    found = named(name, catalogue())
    return as_text(found), as_data(found)


def _probe(id: str) -> tuple[str, dict[str, Any]]:
    from tolv.prove.catalogue import catalogue, chosen
    from tolv.prove.reference import as_data, as_text

    probes = catalogue()
    found = probes[next(iter(chosen([id], probes)))]
    return as_text(found), as_data(found)
