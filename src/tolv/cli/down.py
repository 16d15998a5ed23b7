"""`tolv down`: stop a deploy's processes."""

from __future__ import annotations

import click

from tolv.cli.options import Call, common_options, deploy_options, pass_call


@click.command()
@deploy_options
@common_options
@pass_call
def down(call: Call) -> None:
    """Stop the processes of a deploy. Its releases, config and logs stay; `tolv up` or `tolv restart` bring it back.

    \b
    Example:
      tolv down -e staging
    """
    call.console.finish(call.api.act("POST", f"{call.deploy().path}/down", {}, call.console.progress))
