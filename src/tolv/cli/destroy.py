"""`tolv destroy`: remove an app."""

from __future__ import annotations

from typing import Any

import click

from tolv.cli.options import Call, common_options, deploy_options, is_interactive, pass_call
from tolv.errors import UsageError
from tolv.names import check_name


@click.command()
@click.argument("name", metavar="APP")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--with-data", is_flag=True, help="Also what its backing services of this machine keep.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@deploy_options
@common_options
@pass_call
def destroy(call: Call, name: str, yes: bool, with_data: bool, dry_run: bool) -> None:
    """Remove an app: its processes, releases, config and logs, in one environment (-e) or in all.

    What will go is named first, and you type the app's name to agree. The app's code is not touched, and what its
    databases keep stays, unless you say --with-data.

    \b
    Example:
      tolv destroy guestbook --dry-run
      tolv destroy guestbook -e staging
      tolv destroy guestbook --yes --with-data
    """
    check_name("app", name)
    query: dict[str, Any] = {"environment": call.environment, "with_data": with_data, "by": call.by}
    path = f"/v1/apps/{name}"
    if dry_run or not yes:
        preview = call.act("DELETE", path, None, dry_run=True, **query)
        if dry_run or preview.error:
            _show(call, preview.value, "would be removed")
            call.console.finish(preview)
            return
        _ask(call, name, preview.value)
    outcome = call.act("DELETE", path, None, dry_run=False, **query)
    _show(call, outcome.value, "removed")
    call.console.finish(outcome)


def _show(call: Call, value: dict[str, Any] | None, what: str) -> None:
    if call.console.as_json or not value:
        return
    call.console.line(f"{what}: {value['app']} in {', '.join(value['environments']) or 'no environment'}")
    counts = (len(value["builds"]), "build"), (value["releases"], "release"), (value["configs"], "config version")
    if value["domains"]:
        call.console.line(f"{'':{len(what)}}  with the domains {', '.join(value['domains'])}")
    if value["services"]:
        call.console.line(f"{'':{len(what)}}  with all data of {', '.join(value['services'])}")
    if value["kept"]:
        call.console.line(f"{'':{len(what)}}  but not the data of {', '.join(value['kept'])}: {_how_to_remove(value)}")
    named = ", ".join(f"{count} {name}" if count == 1 else f"{count} {name}s" for count, name in counts)
    call.console.line(f"{'':{len(what)}}  with {named} and all logs")


def _how_to_remove(value: dict[str, Any]) -> str:
    name, _, environment = value["kept"][0].partition(" of ")
    return f"--with-data, or later tolv services destroy {name} -a {value['app']} -e {environment}"


def _ask(call: Call, name: str, value: dict[str, Any]) -> None:
    if call.console.as_json or not is_interactive():
        raise UsageError(f"destroying {name} wants an answer from a person", remedy="add --yes, or try --dry-run")
    _show(call, value, "will be removed")
    if click.prompt(f"Type the app's name to destroy it ({name})") != name:
        raise UsageError("that is not the app's name; nothing was removed")
