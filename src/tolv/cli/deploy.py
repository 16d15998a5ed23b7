"""`tolv deploy`: put a commit into an environment."""

from __future__ import annotations

import os

import click

from tolv.cli.options import Call, common_options, deploy_options, pass_call, rollout_options


@click.command()
@click.argument("path", default=".")
@click.option("--ref", metavar="REF", help="Commit, branch or tag to deploy. Default: the one checked out.")
@click.option("--dirty", is_flag=True, help="Deploy the files as they are; the build is marked dirty.")
@rollout_options
@deploy_options
@common_options
@pass_call
def deploy(call: Call, path: str, ref: str | None, dirty: bool) -> None:
    """Build a commit and release it, without a dropped request.

    The old release serves until the new one is ready; if the new one fails, nothing has changed. Once live, it is
    watched for a minute (`bake` in tolv.toml): if it crashes again and again, or fails requests that the old one did
    not, the old one comes back by itself. PATH is the app's directory (default: the current one). The first deploy of
    an app goes to dev unless -e names another environment.

    \b
    Example:
      tolv deploy . -e prod
      tolv deploy . -e staging --ref v1.4
      tolv deploy . -e prod --wait        in CI: fails if it had to be rolled back
    """
    call.warn_of_port()
    outcome = call.act(
        "POST",
        "/v1/deploys",
        {
            "path": os.path.abspath(path),
            "app": call.app,
            "environment": call.target(path),
            "ref": ref,
            "dirty": dirty,
            "mode": "deploy",
            "runtimes": call.runtimes,
            "by": call.by,
            **call.watching,
        },
    )
    call.console.finish(outcome)
