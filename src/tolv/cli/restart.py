"""`tolv restart`: fresh processes of the same release."""

from __future__ import annotations

import click

from tolv.cli.options import Call, common_options, deploy_options, pass_call


@click.command()
@click.argument("target", required=False, metavar="[TYPE|PROCESS]")
@deploy_options
@common_options
@pass_call
def restart(call: Call, target: str | None) -> None:
    """Replace processes by fresh ones of the same release, without a dropped request.

    \b
    Example:
      tolv restart -e prod            all of them
      tolv restart worker -e prod     a type
      tolv restart web.2 -e prod      one process
    """
    path = f"{call.deploy().path}/restart"
    body = {"target": target, "by": call.by}
    call.console.finish(call.api.act("POST", path, body, call.console.progress))
