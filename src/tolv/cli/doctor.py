"""`tolv doctor`: what this machine offers."""

from __future__ import annotations

import click

from tolv.cli.options import Call, common_options, pass_call
from tolv.home import current_home


@click.command()
@common_options
@pass_call
@click.pass_context
def doctor(ctx: click.Context, call: Call) -> None:
    """Say what this machine offers Tolv and its apps, and what to do about what is missing.

    Looks at kernel features, interpreters, tools, disk and ports; changes nothing and starts no server. Exit status 3
    if something that Tolv cannot do without is missing.

    \b
    Example:
      tolv doctor
    """
    from tolv.machine import examine

    observations = examine(current_home())
    if call.console.as_json:
        call.console.json([one.to_dict() for one in observations])
    else:
        colours = {"ok": "green", "less": "yellow", "missing": "red"}
        for one in observations:
            call.console.line(f"{call.console.paint('●', colours[one.state])} {one.name:<12} {one.detail}")
            if one.remedy:
                call.console.line(f"{'':<15}→ {one.remedy}")
    ctx.exit(3 if any(one.state == "missing" for one in observations) else 0)
