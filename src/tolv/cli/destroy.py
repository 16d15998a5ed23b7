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
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@deploy_options
@common_options
@pass_call
def destroy(call: Call, name: str, yes: bool, dry_run: bool) -> None:
    """Remove an app: its processes, releases, config and logs, in one environment (-e) or in all.

    What will go is named first, and you type the app's name to agree. The app's code is not touched.

    \b
    Example:
      tolv destroy guestbook --dry-run
      tolv destroy guestbook -e staging
      tolv destroy guestbook --yes
    """
    check_name("app", name)
    path, where = f"/v1/apps/{name}", call.environment
    if dry_run or not yes:
        preview = call.act("DELETE", path, None, environment=where, dry_run=True, by=call.by)
        if dry_run or preview.error:
            _show(call, preview.value, "would be removed")
            call.console.finish(preview)
            return
        _ask(call, name, preview.value)
    outcome = call.act("DELETE", path, None, environment=where, dry_run=False, by=call.by)
    _show(call, outcome.value, "removed")
    call.console.finish(outcome)


def _show(call: Call, value: dict[str, Any] | None, what: str) -> None:
    if call.console.as_json or not value:
        return
    call.console.line(f"{what}: {value['app']} in {', '.join(value['environments']) or 'no environment'}")
    counts = (len(value["builds"]), "build"), (value["releases"], "release"), (value["configs"], "config version")
    if value["domains"]:
        call.console.line(f"{'':{len(what)}}  with the domains {', '.join(value['domains'])}")
    named = ", ".join(f"{count} {name}" if count == 1 else f"{count} {name}s" for count, name in counts)
    call.console.line(f"{'':{len(what)}}  with {named} and all logs")


def _ask(call: Call, name: str, value: dict[str, Any]) -> None:
    if call.console.as_json or not is_interactive():
        raise UsageError(f"destroying {name} wants an answer from a person", remedy="add --yes, or try --dry-run")
    _show(call, value, "will be removed")
    if click.prompt(f"Type the app's name to destroy it ({name})") != name:
        raise UsageError("that is not the app's name; nothing was removed")
