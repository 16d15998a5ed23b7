"""`tolv attach`."""

from __future__ import annotations

import click

from tolv.cli.options import Call, common_options, deploy_options, given, pass_call, rollout_options


@click.command()
@click.argument("name")
@click.option("--kind", help="postgres, redis, s3, smtp, rabbitmq, or any other with --url.")
@click.option("--version", metavar="V", help="The server's version, such as 16. Default: as tolv.toml says.")
@click.option(
    "--url",
    metavar="URL",
    help="Of one that runs elsewhere; - is standard input. Without it, one is made here.",
)
@click.option("--env", "variable", metavar="VARIABLE", help="The variable that gets the URL. Default: the kind's own.")
@click.option("--no-check", is_flag=True, help="Do not ask the one at --url first.")
@rollout_options
@deploy_options
@common_options
@pass_call
def attach(
    call: Call,
    name: str,
    kind: str | None,
    version: str | None,
    url: str | None,
    variable: str | None,
    no_check: bool,
) -> None:
    """Give an app a backing service: one that runs here, or elsewhere by its URL.

    What tolv.toml declares under [services.NAME] need not be said again. The app gets a new release with the URL in its
    config; nothing is built.

    \b
    Example:
      tolv attach database -e prod
      tolv attach cache --kind redis
      tolv attach database -e prod --url postgres://shop:secret@db.example.com/shop
    """
    body = {
        "name": name,
        "kind": kind,
        "version": version,
        "url": given(url),
        "variable": variable,
        "check": not no_check,
        "by": call.by,
        **call.watching,
    }
    call.console.finish(call.act("POST", f"{call.deploy().path}/services", body))
