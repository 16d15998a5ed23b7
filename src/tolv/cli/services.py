"""`tolv services`: backing services, and their data."""

from __future__ import annotations

import os
from typing import Any

import click

from tolv.cli.options import Call, common_options, deploy_options, is_interactive, pass_call
from tolv.cli.output import size
from tolv.errors import UsageError


@click.group(invoke_without_command=True)
@deploy_options
@common_options
@pass_call
@click.pass_context
def services(ctx: click.Context, call: Call) -> None:
    """List backing services: kind, version of the running server, state, size, and who uses them.

    \b
    Example:
      tolv services
      tolv services backup database -e prod
      tolv services mail -e dev
    """
    if ctx.invoked_subcommand is None:
        _list(call)


@services.command("list")
@deploy_options
@common_options
@pass_call
def list_services(call: Call) -> None:
    """List backing services: the same as `tolv services`.

    \b
    Example:
      tolv services list -a shop --json
    """
    _list(call)


@services.command()
@click.argument("name")
@click.option("-o", "--output", metavar="FILE", help="Where to write it. Default: a new file in $TOLV_HOME/backups.")
@deploy_options
@common_options
@pass_call
def backup(call: Call, name: str, output: str | None) -> None:
    """Write all that a service of this machine keeps to a file.

    \b
    Example:
      tolv services backup database -e prod -o /backups/shop.backup
    """
    deploy = call.deploy()
    path = os.path.abspath(output) if output else _new_backup(call, f"{deploy.app}-{deploy.environment}-{name}")
    outcome = call.act("POST", f"{deploy.path}/services/{name}/backup", {"path": path, "by": call.by})
    if outcome.value and not call.console.as_json:
        call.console.line(outcome.value["path"])
    call.console.finish(outcome)


@services.command()
@click.argument("name")
@click.argument("file", type=click.Path())
@click.option("--into", metavar="NEW", help="Name of the new service. Default: NAME-2, or the next that is free.")
@deploy_options
@common_options
@pass_call
def restore(call: Call, name: str, file: str, into: str | None) -> None:
    """Make a new service of a backup, verified, beside the one that it is of.

    Nothing uses it until `tolv swap` puts it in place.

    \b
    Example:
      tolv services restore database shop.backup -e prod
      tolv swap database --to database-2 -e prod
    """
    body = {"path": os.path.abspath(file), "into": into, "by": call.by}
    call.console.finish(call.act("POST", f"{call.deploy().path}/services/{name}/restore", body))


@services.command()
@click.argument("id", required=False)
@click.option("--name", help="Of the service, where there are several.")
@deploy_options
@common_options
@pass_call
def mail(call: Call, id: str | None, name: str | None) -> None:
    """List the mail that an app sent to a mail server of this machine, or show one message.

    \b
    Example:
      tolv services mail -e dev
      tolv services mail 12 -e dev
    """
    found = call.api.get(f"{call.deploy().path}/mail", name=name, id=id)
    if call.console.as_json:
        call.console.json(found)
    elif id is not None:
        call.console.line(found[0]["page"])
    elif found:
        rows = ((one["id"].lstrip("0"), one["at"], one["sender"], _to(one), one["subject"]) for one in found)
        call.console.table(("ID", "TIME", "FROM", "TO", "SUBJECT"), rows)
    else:
        call.console.line("no mail yet")


@services.command()
@click.argument("name")
@click.option("-n", "--lines", default=100, show_default=True, help="So many of the last ones.")
@deploy_options
@common_options
@pass_call
def logs(call: Call, name: str, lines: int) -> None:
    """Show what a service of this machine has logged.

    \b
    Example:
      tolv services logs database -e prod
    """
    deploy = call.deploy()
    found = call.api.get("/v1/services", app=deploy.app, environment=deploy.environment)
    paths = {one["name"]: one["log"] for one in found if one["log"]}
    if name not in paths:
        have = f"it has {', '.join(paths)}" if paths else "none has run yet"
        raise UsageError(f"{deploy.app} in {deploy.environment} has no log of {name}", remedy=have)
    last = _last_lines(paths[name], lines)
    if call.console.as_json:
        call.console.json(last)
    for line in () if call.console.as_json else last:
        call.console.line(line)


@services.command()
@click.argument("path", default=".", type=click.Path())
@common_options
@pass_call
def propose(call: Call, path: str) -> None:
    """Say which services an app seems to need that its tolv.toml does not declare, and what to add.

    \b
    Example:
      tolv services propose .
    """
    from pathlib import Path

    from tolv.codebase.inference.proposals import propose

    if not os.path.isdir(path):
        raise UsageError("there is no such directory", where=path)
    found = propose(Path(path).absolute())
    if call.console.as_json:
        call.console.json([one.to_dict() for one in found])
    elif not found:
        call.console.line("nothing that it does not declare")
    for one in () if call.console.as_json else found:
        call.console.line(f"# {one}")
        call.console.line(one.toml)


@services.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@deploy_options
@common_options
@pass_call
def destroy(call: Call, name: str, yes: bool, dry_run: bool) -> None:
    """Remove a service that nothing uses, and all that it keeps.

    \b
    Example:
      tolv services destroy database-2 -e prod
    """
    deploy = call.deploy()
    if not yes and not dry_run:
        if not is_interactive():
            raise UsageError(f"{name} and all that it keeps would go", remedy="say --yes, or look with --dry-run")
        click.confirm(f"Remove {name} of {deploy.app} in {deploy.environment} and all that it keeps?", abort=True)
    outcome = call.act("DELETE", f"{deploy.path}/services/{name}", None, dry_run=dry_run)
    if outcome.value and dry_run and not call.console.as_json:
        call.console.line(f"would be removed: {name} ({outcome.value['kind']})")
    call.console.finish(outcome)


def _list(call: Call) -> None:
    found = call.api.get("/v1/services", app=call.app, environment=call.environment)
    if call.console.as_json:
        call.console.json(found)
    elif found:
        header = ("NAME", "KIND", "VERSION", "STATE", "SIZE", "WHERE", "OF", "USED BY")
        call.console.table(header, (_row(one) for one in found))
    else:
        call.console.line("no services: declare them in tolv.toml, or tolv attach database --kind postgres")


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    users = ", ".join(f"{user['app']}/{user['environment']}" for user in one["users"])
    state = one["state"] + (", read-only" if one["read_only"] else "")
    reason = f": {one['reason']}" if one["reason"] else ""
    return (
        one["name"],
        one["kind"],
        one["version"] or (f"({one['wanted']})" if one["wanted"] else "-"),
        state + reason,
        "-" if one["size"] is None else size(one["size"]),
        one["where"],
        f"{one['app']}/{one['environment']}",
        users or "-",
    )


def _to(one: dict[str, Any]) -> str:
    first, *more = one["recipients"] or [""]
    return f"{first} and {len(more)} more" if more else str(first)


def _last_lines(path: str, count: int) -> list[str]:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, file.seek(0, 2) - (1 << 20)))
            return file.read().decode(errors="replace").splitlines()[-count:]
    except OSError as error:
        raise UsageError(f"the log cannot be read: {error.strerror}", where=path) from None


def _new_backup(call: Call, name: str) -> str:
    """Not in the app's directory: there it would be built into the app, or committed."""
    from datetime import UTC, datetime

    directory = call.api.home.root / "backups"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return str(directory / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.backup")
