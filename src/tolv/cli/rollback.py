"""`tolv rollback`: a new release from an old one."""

from __future__ import annotations

import click

from tolv.cli.options import Call, common_options, deploy_options, pass_call


@click.command()
@click.argument("release", required=False, metavar="[vN]")
@deploy_options
@common_options
@pass_call
def rollback(call: Call, release: str | None) -> None:
    """Make a new release from an old one's build, config and formation.

    Nothing is built. Without vN it is the release that was live before this one. What a release phase did to a
    database in between is not undone; you are told when there was one.

    \b
    Example:
      tolv rollback -e prod
      tolv rollback v12 -e prod
    """
    deploy = call.deploy()
    outcome = call.api.act(
        "POST", f"{deploy.path}/rollback", {"release": release, "by": call.by}, call.console.progress
    )
    for note in (outcome.value or {}).get("notes") or ():
        call.console.note(note)
    call.console.finish(outcome)
