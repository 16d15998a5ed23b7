"""`tolv audit`: check and prove in one report."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tolv.cli.options import Call, common_options, pass_call
from tolv.cli.reports import emit, look, refuse_unwritable, write_all
from tolv.errors import TolvError, UsageError

if TYPE_CHECKING:
    from tolv.audit.join import Catalogue
    from tolv.audit.model import Audit
    from tolv.audit.reports import View
    from tolv.check import model as check
    from tolv.prove import model as prove
    from tolv.prove.prove import Order

_FORMATS = ("terminal", "json", "sarif", "markdown", "html", "adr", "badge")
_FORMATS_HELP = f"One of: {', '.join(_FORMATS)}. Default: terminal."


@click.command()
@click.argument("path", default=".", metavar="[PATH]")
@click.option("--only", multiple=True, metavar="NAME,...", help="Factors, rules or probes: VI, logs, III-05, VI-P2.")
@click.option(
    "--tier",
    type=click.IntRange(0, 2),
    default=2,
    show_default=True,
    help="0: probes that need no services; 1: and those that do; 2: all.",
)
@click.option("--manifest", metavar="FILE", help="Take this file for the app's tolv.toml when it is run.")
@click.option("-f", "--format", type=click.Choice(_FORMATS), metavar="FORMAT", help=_FORMATS_HELP)
@click.option("-o", "--output", metavar="FILE", help="Write the report there; of adr also to a directory.")
@click.option("-v", "--verbose", is_flag=True, help="Show the evidence of all, not of the refuted alone.")
@click.option("--jobs", type=click.IntRange(1, 64), metavar="N", help="So many trials side by side.")
@click.option(
    "--fail-on",
    type=click.Choice(["refuted", "error", "warning", "none"]),
    default="error",
    show_default=True,
    help="Exit status 1 on what is refuted; or on that and findings of this severity.",
)
@common_options
@pass_call
@click.pass_context
def audit(ctx: click.Context, call: Call, /, path: str, **given: Any) -> None:
    """Read the app at PATH (default: the current directory) and run it, and say factor by factor what is said, what is
    seen, and what is to be done.

    `tolv check` reads, then `tolv prove` tries. Where the two contradict each other that comes first, with the
    evidence of both; what reading could not tell is told by the probe that could; what was refuted names the line of
    code that it comes from. A factor counts as proved if every one of its probes that applies was tried and none
    failed.

    \b
    Example:
      tolv audit .
      tolv audit . --only VI,IX                two factors
      tolv audit . --tier 0                    within a minute
      tolv audit . --format html --output audit.html
      tolv audit . --format badge --output twelve-factor.svg
    """
    from tolv.audit.join import join
    from tolv.audit.selection import select

    format = given["format"] or ("json" if call.json else "terminal")
    if call.json and format != "json":
        raise UsageError(f"--json and --format {format} exclude each other", remedy="give one of them")
    call.json = format == "json"
    refuse_unwritable(given["output"], directory=format == "adr")
    catalogue = _catalogue()
    selection = select((name for names in given["only"] for name in names.split(",")), catalogue)
    order = _order(call, [one for id, one in catalogue.probes.items() if id in selection.probes], given)
    said, seen, failed = _run(call, Path(path), order, selection.rules)
    report = join(said, seen, catalogue, selection.factors)
    _show(call, report, format, _view(call, catalogue, report, given), given["output"])
    ctx.exit(failed or _status(report, given["fail_on"]))


def _catalogue() -> Catalogue:
    from tolv.audit.join import Catalogue
    from tolv.check.catalogue import catalogue as rules
    from tolv.prove.catalogue import catalogue as probes

    return Catalogue(rules(), probes())


def _order(call: Call, probes: list[Any], given: dict[str, Any]) -> Order:
    from tolv.cli.proving import order_of

    return order_of(call, probes, given)


def _run(call: Call, path: Path, order: Order, rules: tuple[str, ...]) -> tuple[check.Report, prove.Report, int]:
    """Both reports; and the exit status of an app that could not be run, which is reported all the same."""
    from tolv.audit.untried import untried
    from tolv.cli.proving import checked, try_probes

    said = checked(path, order, rules)
    if not order.probes:
        return said, untried(said, (), "no probe tries it"), 0
    if not any(map(order.includes, order.probes)):
        return said, untried(said, order.probes, f"no probe of --tier {order.tier} tries it"), 0
    try:
        return said, try_probes(call, path, order), 0
    except UsageError:
        raise
    except TolvError as error:
        return said, untried(said, order.probes, error.problem), error.exit_code


def _show(call: Call, report: Audit, format: str, view: View, output: str | None) -> None:
    from tolv.audit.reports import render

    if output and format == "adr" and (output.endswith("/") or os.path.isdir(output)):
        from tolv.audit.reports.adr import overview, records

        texts = {"0000-factors.md": overview(report), **{one.name: one.text for one in records(report, view)}}
        write_all(Path(output), texts)
        call.console.note(f"wrote the records to {output}")
        return
    emit(call, render(format, report, view), output)


def _view(call: Call, catalogue: Catalogue, report: Audit, given: dict[str, Any]) -> View:
    from datetime import UTC, datetime

    from tolv.audit.reports import View
    from tolv.check.audit import read_lines

    width, colour = look(call, given["output"])
    return View(
        rules=catalogue.rules,
        probes=catalogue.probes,
        lines=lambda checked, name: read_lines(checked.root, name),
        width=width,
        colour=colour,
        verbose=given["verbose"],
        today=datetime.now(UTC).date(),
    )


def _status(report: Audit, fail_on: str) -> int:
    from tolv.audit.verdict import fails

    return int(fails(report, fail_on))
