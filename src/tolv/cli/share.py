"""`tolv share`."""

from __future__ import annotations

import click

from tolv.cli.options import Call, common_options, deploy_options, pass_call, rollout_options
from tolv.errors import UsageError


@click.command()
@click.argument("name")
@click.option("--with", "other", metavar="APP/ENV", required=True, help="The deploy that may use it, too.")
@click.option("--env", "variable", metavar="VARIABLE", help="The variable that gets the URL there.")
@rollout_options
@deploy_options
@common_options
@pass_call
def share(call: Call, name: str, other: str, variable: str | None) -> None:
    """Let another app, or another environment, use a backing service: the same data, as a user of its own.

    \b
    Example:
      tolv share database -a shop -e prod --with reports/prod
    """
    app, slash, environment = other.partition("/")
    if not (app and slash and environment):
        raise UsageError(f"{other!r} is no deploy", remedy="name it as APP/ENV: reports/prod")
    body = {"app": app, "environment": environment, "variable": variable, "by": call.by, **call.watching}
    call.console.finish(call.act("POST", f"{call.deploy().path}/services/{name}/share", body))
