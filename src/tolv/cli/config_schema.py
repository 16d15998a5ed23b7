"""`tolv config check` and `tolv config template`: config and the schema of the code, `.env.example`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tolv.cli.options import Call, common_options, deploy_options, pass_call
from tolv.errors import UsageError

if TYPE_CHECKING:
    from tolv.check.template import Template


@click.command()
@click.argument("path", required=False)
@deploy_options
@common_options
@pass_call
@click.pass_context
def check(ctx: click.Context, call: Call, path: str | None) -> None:
    """Check the values of an environment against .env.example.

    That of the live code counts, or of the code at PATH. The values are those that the next release would have;
    references are read for it. Errors are what a release is refused for: what is missing, what is not of its type or
    choices, a secret with the value that .env.example shows. Warnings are what nobody named, and values for development
    elsewhere. No value is shown. Exit status 1 if there are errors.

    \b
    Example:
      tolv config check -e prod
      tolv config check . -e prod          before you deploy it
      tolv config check -e staging --json
    """
    deploy = call.deploy(path or ".")
    found = call.api.get(f"{deploy.path}/config-check", path=None if path is None else os.path.abspath(path))
    if call.console.as_json:
        call.console.json(found)
    else:
        _tell(call, found)
    ctx.exit(1 if found["errors"] else 0)


def _tell(call: Call, found: dict[str, Any]) -> None:
    console = call.console
    if not found["variables"]:
        console.line(f"{found['schema']} has no .env.example: there is nothing to check against")
        console.note("`tolv config template` writes one from what the code reads")
    for one in found["problems"]:
        mark = console.paint("error  ", "red") if one["severity"] == "error" else console.paint("warning", "yellow")
        console.line(f"{mark}  {one['name']} {one['message']}")
    counts = f"{_count(found['errors'], 'error')}, {_count(found['warnings'], 'warning')}"
    if found["problems"]:
        console.line(f"{counts} in the config of {found['app']} in {found['environment']}")
    elif found["variables"]:
        console.line(f"the {found['set']} values set fit the {found['variables']} variables that .env.example names")
    if found["errors"]:
        target = f"-a {found['app']} -e {found['environment']}"
        console.note(f"a release with this config is refused; set what is wrong: tolv config set {target} KEY=VALUE")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@click.command()
@click.argument("path", default=".")
@click.option("--write", is_flag=True, help="Write it into .env.example; no line or comment is lost.")
@click.option("--check", "only_check", is_flag=True, help="Exit status 1 if something is missing; write nothing.")
@common_options
@pass_call
@click.pass_context
def template(ctx: click.Context, call: Call, path: str, write: bool, only_check: bool) -> None:
    """Write or complete .env.example from what the code reads.

    The code is that at PATH; default: the current directory. Prints the file, or the difference to the one that there
    is. Each variable gets a comment that says where it is read, and what the code shows of it: its type, whether the
    start fails without it, its default. Secrets stay empty. Nothing of .env is looked at, nothing of the code is run,
    no server is needed.

    \b
    Example:
      tolv config template
      tolv config template services/api --write
      tolv config template --check         in CI
    """
    from tolv.check.template import make_template

    if write and only_check:
        raise UsageError("--write and --check exclude each other", remedy="give one of them")
    made = make_template(Path(path).resolve())
    if call.console.as_json:
        call.console.json(made.to_dict())
    elif not write:
        call.console.part(made.shown)
    if write and made.change is not None:
        from tolv.check.fixes.write import write as write_changes

        write_changes(Path(made.root), [made.change])
    _say(call, made, write=write)
    ctx.exit(1 if only_check and made.missing else 0)


def _say(call: Call, made: Template, *, write: bool) -> None:
    for said in made.remarks:
        call.console.note(said)
    if not made.missing:
        call.console.note(f".env.example names each of the {made.read} variables that the code reads")
    elif write:
        call.console.note(f"wrote {_count(len(made.missing), 'variable')} into .env.example; say what each is for")
    else:
        call.console.note(
            f"{_count(len(made.missing), 'variable')} missing: {', '.join(one.name for one in made.missing)}"
        )
