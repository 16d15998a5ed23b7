"""`tolv config`: environment variables of a deploy."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from tolv.cli.config_schema import check, template
from tolv.cli.options import Call, app_option, common_options, deploy_options, pass_call, rollout_options
from tolv.errors import UsageError


@click.group(invoke_without_command=True)
@click.option("--reveal", is_flag=True, help="Show values instead of masking them.")
@deploy_options
@common_options
@pass_call
@click.pass_context
def config(ctx: click.Context, call: Call, reveal: bool) -> None:
    """Show the config of a deploy, values masked; or change it.

    A change makes a new release and rolls it out without a dropped request.

    \b
    Example:
      tolv config -e prod
      tolv config set -e prod DATABASE_URL=postgresql://db.internal/guestbook
      tolv config set -e prod --from API_KEY=op://prod/guestbook/key
      tolv config check -e prod
      tolv config template --write
    """
    if ctx.invoked_subcommand is not None:
        return
    values = call.api.get(f"{call.deploy().path}/config", reveal=reveal)
    if call.console.as_json:
        call.console.json(values)
    elif values:
        call.console.table(("NAME", "VALUE"), sorted(values.items()))
    else:
        call.console.line("no config: tolv config set KEY=VALUE")


@config.command("set")
@click.argument("assignments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the value of the one KEY from standard input.")
@click.option(
    "--from",
    "references",
    multiple=True,
    metavar="KEY=REFERENCE",
    help="Have each release read it: op://…, vault:path#field, file:/path, env:NAME.",
)
@rollout_options
@deploy_options
@common_options
@pass_call
def set_values(call: Call, assignments: tuple[str, ...], from_stdin: bool, references: tuple[str, ...]) -> None:
    """Set variables. A value is kept byte for byte.

    With --from a variable is a reference: whenever a release is made, the server reads the value from where it lies,
    with the tool (op, vault) that you would use. If that fails, no release is made and the live one goes on.

    \b
    Example:
      tolv config set GREETING='Hello, world' LIMIT=10
      tolv config set TLS_KEY --stdin < key.pem
      tolv config set -e prod --from DATABASE_URL=op://prod/guestbook/url
      tolv config set -e prod --from API_KEY=vault:secret/guestbook#api_key
    """
    if from_stdin:
        values = {_single_key(assignments): _text(sys.stdin.buffer.read(), "standard input")}
    else:
        values = dict(_assignment(word) for word in assignments)
    read_from = dict(_assignment(word) for word in references)
    if not values and not read_from:
        raise UsageError("there is nothing to set", remedy="say KEY=VALUE, or --from KEY=REFERENCE")
    _change(call, values, (), read_from)


@config.command()
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@rollout_options
@deploy_options
@common_options
@pass_call
def unset(call: Call, keys: tuple[str, ...]) -> None:
    """Remove variables.

    \b
    Example:
      tolv config unset GREETING
    """
    _change(call, {}, keys)


@config.command()
@click.argument("key")
@deploy_options
@common_options
@pass_call
def get(call: Call, key: str) -> None:
    """Print the value of one variable, unmasked.

    \b
    Example:
      tolv config get DATABASE_URL
    """
    from urllib.parse import quote

    value = call.api.get(f"{call.deploy().path}/config/{quote(key, safe='')}")[key]
    if call.console.as_json:
        call.console.json({key: value})
    else:
        call.console.line(value)


@config.command("import")
@click.argument("file", metavar="FILE")
@rollout_options
@deploy_options
@common_options
@pass_call
def import_file(call: Call, file: str) -> None:
    """Set all variables of a .env file; `-` is standard input. Others stay as they are.

    \b
    Example:
      tolv config import .env -e staging
    """
    from tolv.codebase.envfile import parse_env

    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read it: {error.strerror}", where=file, remedy="check the path") from None
    values = parse_env(_text(content, file), file)
    if not values:
        raise UsageError("there is no variable in it", where=file, remedy="a line is KEY=value")
    _change(call, values, ())


@config.command()
@click.option("--format", "kind", type=click.Choice(["env", "json", "shell"]), default="env", show_default=True)
@deploy_options
@common_options
@pass_call
def export(call: Call, kind: str) -> None:
    """Print all variables, unmasked: as a .env file, as JSON, or for a shell to read.

    References are left out, and named on standard error: what they give belongs where it lies.

    \b
    Example:
      tolv config export -e staging > staging.env
      eval "$(tolv config export --format shell)"
    """
    deploy = call.deploy()
    references = call.api.get(f"{deploy.path}/config-references")
    values = {
        name: value
        for name, value in call.api.get(f"{deploy.path}/config", reveal=True).items()
        if name not in references
    }
    for name, reference in references.items():
        call.console.note(f"{name} is left out: a reference; there: tolv config set --from '{name}={reference}'")
    if call.console.as_json or kind == "json":
        call.console.json(values)
    elif kind == "shell":
        from shlex import quote

        for key, value in sorted(values.items()):
            call.console.line(f"export {key}={quote(value)}")
    else:
        from tolv.codebase.envfile import format_env

        call.console.part(format_env(values))


config.add_command(check)
config.add_command(template)


@config.command()
@click.argument("left", metavar="ENV")
@click.argument("right", metavar="ENV")
@app_option
@common_options
@pass_call
def diff(call: Call, left: str, right: str) -> None:
    """Compare the config of two environments, by name; no value is shown.

    \b
    Example:
      tolv config diff staging prod
    """
    found = call.api.get(f"/v1/apps/{call.app_name()}/config-diff", left=left, right=right)
    if call.console.as_json:
        call.console.json(found)
        return
    titles = {"only_left": f"only in {left}", "only_right": f"only in {right}", "different": "different"}
    rows = [(name, title) for kind, title in titles.items() for name in found[kind]]
    if rows:
        call.console.table(("NAME", "WHERE"), sorted(rows))
    else:
        call.console.line(f"{left} and {right} have the same config")


def _change(
    call: Call, values: dict[str, str], unset: tuple[str, ...], references: dict[str, str] | None = None
) -> None:
    change = {"set": values, "unset": list(unset), "references": references or {}}
    body = {**change, "by": call.by, "path": os.getcwd(), **call.watching}
    call.console.finish(call.act("PATCH", f"{call.deploy().path}/config", body))


def _assignment(word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not equals:
        raise UsageError(f"'{word}' has no value", remedy="say KEY=VALUE, or KEY --stdin")
    return key, _text(value.encode(errors="surrogateescape"), key)


def _single_key(words: tuple[str, ...]) -> str:
    if len(words) != 1 or "=" in words[0]:
        raise UsageError("--stdin wants exactly one KEY", remedy="tolv config set KEY --stdin < FILE")
    return words[0]


def _text(content: bytes, where: str) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise UsageError("that is not UTF-8", where=where, remedy="encode it, with base64 for instance") from None
    if "\0" in text:
        raise UsageError(
            "an environment variable cannot hold a NUL byte", where=where, remedy="encode it, with base64 for instance"
        )
    return text
