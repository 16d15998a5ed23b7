"""`tolv prove`: run the app, and try the factors on it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tolv.cli.options import Call, common_options, pass_call
from tolv.cli.proving import checked, order_of, try_probes
from tolv.cli.reports import emit, look, refuse_unwritable
from tolv.errors import TolvError, UsageError

if TYPE_CHECKING:
    from tolv.prove.model import Report, Verdict
    from tolv.prove.probe import Probe
    from tolv.prove.prove import Order
    from tolv.prove.reports import View

_FORMATS = ("terminal", "json", "junit")


@click.command()
@click.argument("path", default=".", metavar="[PATH]")
@click.option("--only", multiple=True, metavar="PROBE,...", help="Probes or factors: VI-P2, IX, logs.")
@click.option(
    "--tier",
    type=click.IntRange(0, 2),
    default=2,
    show_default=True,
    help="0: what needs no services; 1: and what needs them; 2: all.",
)
@click.option("--manifest", metavar="FILE", help="Take this file for the app's tolv.toml.")
@click.option("-f", "--format", type=click.Choice(_FORMATS), metavar="FORMAT", help=f"One of: {', '.join(_FORMATS)}.")
@click.option("-o", "--output", metavar="FILE", help="Write the report there.")
@click.option("-v", "--verbose", is_flag=True, help="Show the evidence of all, not of the refuted alone.")
@click.option("--keep", is_flag=True, help="Leave files and logs of the trials where they are, until the next proof.")
@click.option("--jobs", type=click.IntRange(1, 64), metavar="N", help="So many trials side by side.")
@click.option(
    "--fail-on",
    type=click.Choice(["refuted", "unstable", "none"]),
    default="refuted",
    show_default=True,
    help="Exit status 1 from this verdict on, unless [prove] expects it.",
)
@click.option("--init", is_flag=True, help="Write a [prove] section into tolv.toml, with what was found filled in.")
@click.option("--list", "list_", is_flag=True, help="List the probes.")
@common_options
@pass_call
@click.pass_context
def prove(ctx: click.Context, call: Call, /, path: str, **given: Any) -> None:
    """Build the app at PATH (default: the current directory), run it with throw-away services, and try the factors on
    it: another port, two processes, a SIGTERM in mid-request, a database that is gone, files that cannot be written …

    Each probe says what it saw: proved, refuted, advisory, or why it is not provable. Nothing that runs on this
    machine is touched, and nothing is left. What cannot be found out about the app stands in [prove] of tolv.toml;
    `--init` begins that section.

    \b
    Example:
      tolv prove .
      tolv prove . --only VI,IX-P2 --verbose
      tolv prove . --tier 0                    within a minute
      tolv prove . --format junit --output prove.xml
      tolv prove . --init
      tolv prove ~/src/shop --manifest shop.toml
    """
    from tolv.prove.catalogue import catalogue, chosen
    from tolv.prove.reports import render

    probes = catalogue()
    format = given["format"] or ("json" if call.json else "terminal")
    if call.json and format != "json":
        raise UsageError(f"--json and --format {format} exclude each other", remedy="give one of them")
    call.json = format == "json"
    names = [name for text in given["only"] for name in text.split(",") if name.strip()]
    wanted = chosen(names, probes) if names else frozenset(probes)
    if given["list_"]:
        _list(call, [one for id, one in probes.items() if id in wanted])
        return
    if given["init"]:
        _init(call, Path(path))
        return
    refuse_unwritable(given["output"])
    order = order_of(call, (one for id, one in probes.items() if id in wanted), given)
    _refuse_untried(order)
    report = try_probes(call, Path(path), order)
    report = _explained(Path(path), order, report, probes)
    view = _view(call, given)
    emit(call, render(format, report, view), given["output"])
    unready = report.unready is not None and given["fail_on"] != "none"
    ctx.exit(int(unready or any(view.fails(one) for one in report.results)))


def _refuse_untried(order: Order) -> None:
    """Raise `UsageError` where `--only` names nothing that `--tier` leaves."""
    if any(map(order.includes, order.probes)):
        return
    least = min(order.probes, key=lambda one: one.tier)
    raise UsageError(
        f"there is nothing to try: {least.id} is of tier {least.tier}, and --tier {order.tier} was asked for",
        remedy=f"--tier {least.tier}, or leave it out",
    )


def _explained(path: Path, order: Order, report: Report, probes: Mapping[str, Probe]) -> Report:
    """The report with what in the code the refuted comes from, as far as check finds it."""
    from tolv.audit.causes import with_causes
    from tolv.audit.ties import rules_of
    from tolv.check.catalogue import catalogue
    from tolv.prove.model import Verdict

    refuted = [one.id for one in report.results if one.verdict is Verdict.REFUTED]
    rules = catalogue() if refuted else {}
    ids = tuple(dict.fromkeys(id for one in refuted for id in rules_of(probes[one], rules) if id in rules))
    if not ids:
        return report
    try:
        found = checked(path, order, ids)
    except TolvError as error:  # what was proved is not lost for what could not be read
        return replace(report, notes=(*report.notes, f"no causes are named: {error.problem}"))
    return with_causes(report, found, probes, rules)


def _view(call: Call, given: dict[str, Any]) -> View:
    from tolv.prove.reports import View

    output = given["output"]
    width, colour = look(call, output)
    return View(
        width=width,
        colour=colour,
        unicode=bool(output) or "utf" in (sys.stdout.encoding or "").lower(),
        verbose=given["verbose"],
        fail_on=_failing(given["fail_on"]),
    )


def _failing(fail_on: str) -> frozenset[Verdict]:
    from tolv.prove.model import Verdict

    verdicts = {
        "refuted": frozenset({Verdict.REFUTED}),
        "unstable": frozenset({Verdict.REFUTED, Verdict.UNSTABLE}),
        "none": frozenset[Verdict](),
    }
    return verdicts[fail_on]


def _list(call: Call, probes: list[Probe]) -> None:
    if call.json:
        call.console.as_json = True
        call.console.json(
            [{"id": one.id, "title": one.title, "tier": one.tier, "needs": list(one.needs)} for one in probes]
        )
        return
    rows = ((one.id, str(one.tier), one.title, ", ".join(one.needs)) for one in probes)
    call.console.table(("PROBE", "TIER", "WHAT IT TRIES", "NEEDS"), rows)


def _init(call: Call, path: Path) -> None:
    from tolv.codebase.git import locate
    from tolv.prove.init import write_section

    call.console.note(write_section(locate(path.resolve()).path, call.app))
