"""`tolv apps`: what is deployed where."""

from __future__ import annotations

from typing import Any

import click

from tolv.cli.options import Call, common_options, pass_call
from tolv.cli.output import short


@click.command()
@common_options
@pass_call
def apps(call: Call) -> None:
    """List apps with their environments: release, build, formation and URL.

    \b
    Example:
      tolv apps
    """
    listed = call.api.get("/v1/apps")
    if call.console.as_json:
        call.console.json(listed)
        return
    rows = [(app["app"], one) for app in listed for one in app["environments"]]
    if not rows:
        call.console.line("no apps yet: tolv up PATH")
        return
    call.console.table(
        ("APP", "ENVIRONMENT", "RELEASE", "BUILD", "FORMATION", "URL"),
        (
            (
                app,
                one["environment"],
                one["release"],
                short(one["build"]),
                " ".join(f"{name}={count}" for name, count in (one["formation"] or {}).items()),
                _where(one),
            )
            for app, one in rows
        ),
    )


def _where(deploy: dict[str, Any]) -> str:
    where = " ".join([deploy["url"] or "", *deploy["domains"]]).strip() if deploy["running"] else "stopped"
    return f"{where} (in maintenance)" if deploy["maintenance"] else where
