"""`tolv releases`: what was released, by whom, when and why."""

from __future__ import annotations

from typing import Any

import click

from tolv.cli.options import Call, Deploy, common_options, deploy_options, pass_call
from tolv.cli.output import ago, duration, short
from tolv.errors import AppError


@click.command()
@click.option("--verify", is_flag=True, help="Check that no release was changed since it was made.")
@deploy_options
@common_options
@pass_call
def releases(call: Call, verify: bool) -> None:
    """List the releases of a deploy, newest first.

    Each release carries the hash of the one before it; --verify recomputes the chain.

    \b
    Example:
      tolv releases -e prod
      tolv releases -e prod --verify
    """
    deploy = call.deploy()
    if verify:
        _verify(call, deploy)
        return
    listed = call.api.get(f"{deploy.path}/releases")
    if call.console.as_json:
        call.console.json(listed)
        return
    if not listed:
        call.console.line("no releases yet: tolv deploy")
        return
    call.console.table(
        ("RELEASE", "STATUS", "BUILD", "COMMIT", "CREATED", "BY", "DESCRIPTION"),
        (
            (
                one["release"],
                _status(one),
                short(one["build"]),
                (one["commit"] or "")[:7],
                ago(one["created"]),
                one["by"],
                ": ".join(filter(None, (one["description"], one["reason"], _fails(one)))),
            )
            for one in listed
        ),
    )


def _status(one: dict[str, Any]) -> str:
    left = (one["bake"] or {}).get("left_s")
    watched = "" if left is None else f", watched for {duration(left)} more"
    return str(one["status"]) + watched + ("" if one["restorable"] else ", not restorable")


def _fails(one: dict[str, Any]) -> str | None:
    """What a release did that is live all the same."""
    return one["bake"]["reason"] if one["bake"] and one["bake"]["status"] == "stays" else None


def _verify(call: Call, deploy: Deploy) -> None:
    result = call.api.get(f"{deploy.path}/releases/verify")
    if call.console.as_json:
        call.console.json(result)
    elif result["ok"]:
        number = "1 release" if result["checked"] == 1 else f"{result['checked']} releases"
        call.console.line(f"{number} of {deploy.app} in {deploy.environment}: unchanged")
    if not result["ok"]:
        raise AppError(
            f"the releases of {deploy.app} in {deploy.environment} are not as they were made: {result['problem']}",
            remedy="restore Tolv's store from a backup, and find out who wrote to it",
        )
