"""`tolv down`: stop a deploy's processes."""

from __future__ import annotations

import click

from tolv.cli.options import Call, common_options, deploy_options, pass_call


@click.command()
@click.option("--force", is_flag=True, help="Kill them at once, requests in flight or not.")
@deploy_options
@common_options
@pass_call
def down(call: Call, force: bool) -> None:
    """Stop the processes of a deploy. Its releases, config and logs stay; `tolv up` or `tolv restart` bring it back.

    \b
    Example:
      tolv down -e staging
    """
    path = f"{call.deploy().path}/down"
    call.console.finish(call.act("POST", path, {"force": force, "by": call.by}))
