"""`tolv build`: make a build and nothing more."""

from __future__ import annotations

import os

import click

from tolv.cli.options import Call, app_option, common_options, pass_call


@click.command()
@click.argument("path", default=".")
@click.option("--ref", metavar="REF", help="Commit, branch or tag to build. Default: the one checked out.")
@click.option("--dirty", is_flag=True, help="Build the files as they are; the build is marked dirty.")
@app_option
@common_options
@pass_call
def build(call: Call, path: str, ref: str | None, dirty: bool) -> None:
    """Make the build of a commit: an OCI image in Tolv's home, named by its digest.

    The same commit and lockfile give the same digest, on any machine.

    \b
    Example:
      tolv build . --ref main
    """
    body = {"path": os.path.abspath(path), "app": call.app, "ref": ref, "dirty": dirty, "runtimes": call.runtimes}
    call.console.finish(call.act("POST", "/v1/builds", body))
