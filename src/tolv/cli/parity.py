"""`tolv parity`: how far apart two environments are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tolv.cli.options import Call, app_option, common_options, pass_call
from tolv.cli.reports import emit, look, refuse_unwritable
from tolv.errors import UsageError

if TYPE_CHECKING:
    from tolv.parity.limits import Limit
    from tolv.parity.reports import View

_FORMATS = ("terminal", "json", "markdown", "html", "sarif", "junit", "github")


@click.command()
@click.argument("environment", metavar="ENVIRONMENT")
@click.argument("other", metavar="OTHER")
@click.option(
    "-f",
    "--format",
    type=click.Choice(_FORMATS),
    metavar="FORMAT",
    help=f"One of: {', '.join(_FORMATS)}. Default: terminal.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the report there.")
@click.option(
    "--fail-over",
    multiple=True,
    metavar="LIMIT",
    help="Exit status 1 over this: harmless, notable; or a figure: commits=20, age=14d.",
)
@app_option
@common_options
@pass_call
@click.pass_context
def parity(
    ctx: click.Context,
    call: Call,
    environment: str,
    other: str,
    format: str | None,
    output: str | None,
    fail_over: tuple[str, ...],
) -> None:
    """Compare what runs in two environments: the gaps in time, people and tools, side by side, in figures.

    Each difference is judged harmless, worth knowing or breaking parity, with what to do about it. Values of config
    are never shown: a keyed hash tells whether they are equal. With `--fail-over harmless` the exit status is 1 when
    something is worth knowing or breaks parity, with `--fail-over notable` when something breaks it.

    \b
    Example:
      tolv parity staging prod
      tolv parity dev prod --fail-over notable
      tolv parity staging prod --fail-over commits=20 --fail-over age=14d
      tolv parity staging prod --format markdown --output parity.md
    """
    from tolv.parity.limits import exceeded, parse_limit
    from tolv.parity.model import Parity
    from tolv.parity.reports import render

    if call.json and format not in (None, "json"):
        raise UsageError(f"--json and --format {format} exclude each other", remedy="give one of them")
    format = format or ("json" if call.json else "terminal")
    refuse_unwritable(output)
    limits = [parse_limit(one) for one in fail_over]
    found = call.api.get(f"/v1/apps/{call.app_name()}/parity", left=environment, right=other)
    measured = Parity.from_dict(found)
    emit(call, render(format, measured, _view(call, limits, output)), output)
    over = [said for one in limits if (said := exceeded(one, measured))]
    for said in over:
        call.console.note(said)
    ctx.exit(int(bool(over)))


def _view(call: Call, limits: list[Limit], output: str | None) -> View:
    from tolv.parity.limits import strictest
    from tolv.parity.reports import View

    width, colour = look(call, output)
    return View(width, colour, strictest(limits))
