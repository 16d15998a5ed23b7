"""`tolv rules`: the catalogue."""

from __future__ import annotations

import click

from tolv.cli.options import Call, common_options, pass_call


@click.command()
@click.argument("names", nargs=-1, metavar="[FACTOR]...")
@common_options
@pass_call
def rules(call: Call, names: tuple[str, ...]) -> None:
    """List the rules, of all factors or of some: their id, severity, what they read, and what is wrong.

    \b
    Example:
      tolv rules
      tolv rules III config logs
      tolv rules --json
    """
    from tolv.check.catalogue import catalogue, chosen
    from tolv.check.reference import as_data

    known = catalogue()
    found = [known[id] for id in (chosen(names, known) if names else known)]
    if call.console.as_json:
        call.console.json([as_data(one) for one in found])
        return
    rows = ((one.id, one.severity, ", ".join(one.materials), one.title) for one in found)
    call.console.table(("RULE", "SEVERITY", "READS", "WHAT IS WRONG"), rows)
