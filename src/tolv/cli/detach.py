"""`tolv detach`."""

from __future__ import annotations

import click

from tolv.cli.options import Call, common_options, deploy_options, pass_call, rollout_options


@click.command()
@click.argument("name")
@click.option("--revoke", is_flag=True, help="Take the app's user away, too: no rollback reaches it again.")
@rollout_options
@deploy_options
@common_options
@pass_call
def detach(call: Call, name: str, revoke: bool) -> None:
    """Take a backing service out of an app's config, by a new release. What it keeps stays.

    \b
    Example:
      tolv detach cache -e prod
    """
    body = {"revoke": revoke, "by": call.by, **call.watching}
    call.console.finish(call.act("POST", f"{call.deploy().path}/services/{name}/detach", body))
