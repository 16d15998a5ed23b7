"""`tolv doctor`: what this machine offers."""

from __future__ import annotations

import os

import click

from tolv.cli.options import Call, common_options, pass_call
from tolv.errors import UsageError
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
    from tolv.doctor import examine

    checks = examine(current_home(), router_port())
    if call.console.as_json:
        call.console.json([one.to_dict() for one in checks])
    else:
        colours = {"ok": "green", "warn": "yellow", "fail": "red"}
        for one in checks:
            call.console.line(f"{call.console.paint('●', colours[one.status])} {one.name:<16} {one.detail}")
            if one.remedy and one.status != "ok":
                call.console.line(f"{'':<19}→ {one.remedy}")
    ctx.exit(3 if any(one.status == "fail" for one in checks) else 0)


def router_port() -> int:
    """The port that the router has, or will have."""
    text = os.environ.get("TOLV_PORT") or "8080"
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise UsageError(f"TOLV_PORT={text} is not a port", remedy="set it to a number from 1 to 65535")
    return int(text)
