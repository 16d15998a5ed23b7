"""`tolv promote`: the same build in another environment."""

from __future__ import annotations

import click

from tolv.cli.options import Call, app_option, common_options, pass_call, rollout_options


@click.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@rollout_options
@app_option
@common_options
@pass_call
def promote(call: Call, source: str, target: str) -> None:
    """Release in TO the build that is live in FROM, with TO's own config.

    Nothing is rebuilt: both run the same digest.

    \b
    Example:
      tolv promote staging prod
    """
    body = {"from": source, "to": target, "by": call.by, **call.watching}
    path = f"/v1/apps/{call.app_name()}/promote"
    call.console.finish(call.act("POST", path, body))
