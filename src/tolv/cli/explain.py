"""`tolv explain`: what a rule looks for."""

from __future__ import annotations

import click

from tolv.cli.options import Call, common_options, pass_call


@click.command()
@click.argument("rule")
@common_options
@pass_call
def explain(call: Call, rule: str) -> None:
    """Say what RULE looks for, why it matters, how to mend it, and where it comes from.

    \b
    Example:
      tolv explain III-05
    """
    from tolv.check.catalogue import catalogue, named
    from tolv.check.reference import as_data, as_text

    found = named(rule, catalogue())
    if call.console.as_json:
        call.console.json(as_data(found))
    else:
        title, *rest = as_text(found).splitlines()
        call.console.line(call.console.paint(title, "bold"))
        for line in rest:
            call.console.line(line)
