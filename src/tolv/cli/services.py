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
@click.option("-o", "--output", metavar="FILE", help="Where to write it. Default: NAME-DATE.backup here.")
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
    path = os.path.abspath(output or f"{deploy.app}-{deploy.environment}-{name}-{_now()}.backup")
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
    call.console.finish(call.act("DELETE", f"{deploy.path}/services/{name}", None, dry_run=dry_run))


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


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
