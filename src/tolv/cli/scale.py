"""`tolv scale`: how many processes of each type run."""

from __future__ import annotations

import click

from tolv.cli.options import Call, common_options, deploy_options, pass_call
from tolv.errors import UsageError


@click.command()
@click.argument("quantities", nargs=-1, metavar="[TYPE=N]...")
@deploy_options
@common_options
@pass_call
def scale(call: Call, quantities: tuple[str, ...]) -> None:
    """Set the formation: how many processes of each type run. Without arguments, show it.

    \b
    Example:
      tolv scale web=2 worker=1 -e prod
    """
    formation = dict(_quantity(word) for word in quantities)
    path = f"{call.deploy().path}/formation"
    if formation:
        body = {"formation": formation, "by": call.by}
        call.console.finish(call.api.act("POST", path, body, call.console.progress))
        return
    current = call.api.get(path)
    if call.console.as_json:
        call.console.json(current)
    else:
        call.console.line(" ".join(f"{name}={count}" for name, count in current.items()))


def _quantity(word: str) -> tuple[str, int]:
    name, equals, number = word.partition("=")
    if not (name and equals and number.isascii() and number.isdigit()):
        raise UsageError(f"'{word}' is not a quantity of processes", remedy="say TYPE=N, N from 0 up: web=2 worker=1")
    return name, int(number)
