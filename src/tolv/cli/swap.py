"""`tolv swap`."""

from __future__ import annotations

import click

from tolv.cli.options import Call, common_options, deploy_options, given, pass_call, rollout_options
from tolv.errors import UsageError


@click.command()
@click.argument("name")
@click.option("--url", metavar="URL", help="Of one that runs elsewhere; - reads it from standard input.")
@click.option("--to", metavar="OTHER", help="A service that the app has, such as a restored one.")
@click.option("--version", metavar="V", help="A new, empty one of this version; with --url: what must run there.")
@click.option("--no-check", is_flag=True, help="Do not ask the one at --url first.")
@rollout_options
@deploy_options
@common_options
@pass_call
def swap(call: Call, name: str, url: str | None, to: str | None, version: str | None, no_check: bool) -> None:
    """Put another backing service in the place of one: a release and a rolling restart, no build.

    Data is not moved. Going back is `tolv rollback`.

    \b
    Example:
      tolv swap database --url postgres://shop:secret@db.example.com/shop -e prod
      tolv swap database --to database-2 -e prod
    """
    if url and to:
        raise UsageError("--url and --to exclude each other", remedy="name one of them")
    body = {"url": given(url), "to": to, "version": version, "check": not no_check, "by": call.by, **call.watching}
    call.console.finish(call.act("POST", f"{call.deploy().path}/services/{name}/swap", body))
