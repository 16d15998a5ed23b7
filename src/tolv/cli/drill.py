"""`tolv drill`: faults on purpose, under load, and what came of them."""

from __future__ import annotations

import re
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from tolv.cli.options import Call, Deploy, common_options, deploy_options, is_interactive, pass_call
from tolv.errors import AppError, UsageError

if TYPE_CHECKING:
    from tolv.drill.drill import Orders
    from tolv.drill.model import Bill, Outcome
    from tolv.drill.scene import Scene

#: Environments that people depend on.
_PRECIOUS = re.compile(r"prod(uction)?|live|main|master", re.IGNORECASE)
_HEADINGS = ("FAULT", "SENT", "FAILED", "IN FLIGHT", "REFUSED", "SLOWEST", "BACK IN", "LINES LOST", "WHAT")
_ROW = "{:<8} {:>6} {:>7} {:>10} {:>8} {:>9} {:>9} {:>11}  {}"


@click.command()
@click.option("--only", metavar="FAULT,...", help="Do these only: process, keeper, server, router, tolv, tmp.")
@click.option("--path", metavar="PATH", help="Ask for this page. Default: the health path, or /.")
@click.option(
    "--duration", type=click.FloatRange(min=1, max=3600), default=5.0, show_default=True, help="Seconds for each fault."
)
@click.option("--yes", is_flag=True, help="Do not ask. A production environment must be named with -e as well.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@deploy_options
@common_options
@pass_call
def drill(call: Call, only: str | None, path: str | None, duration: float, yes: bool, dry_run: bool) -> None:
    """Do faults to a deploy on purpose, under a light load, and say what came of them.

    Kills a process of each type, then the keeper, the server, the router, all three at once, and fills the temporary
    directory. Says for each how many requests failed, how long it took to recover, and how many log lines were lost. A
    request that was in flight in what was killed is counted on its own. Exit status 1 if anything fell short.

    \b
    Example:
      tolv drill -e staging --dry-run
      tolv drill -e staging
      tolv drill -e staging --only process,router --duration 20 --yes --json
    """
    from tolv.cli.start import start_server
    from tolv.drill.drill import Drill, Orders
    from tolv.drill.faults import chosen
    from tolv.drill.scene import Scene

    named = frozenset(only.split(",")) if only is not None else frozenset()
    orders = Orders(chosen(named), duration, path, named)
    if path is not None and not path.startswith("/"):
        raise UsageError(f"{path!r} is not a path", remedy="say --path /something")
    deploy = call.deploy()
    api = call.api
    scene = Scene(api, deploy.app, deploy.environment, lambda variables: start_server(api.home, api.status, variables))
    scene.ready()
    if dry_run or not (yes or call.console.as_json):
        _announce(call, scene, orders)
    if dry_run:
        return
    _agree(call, deploy, yes)
    signal.signal(signal.SIGTERM, _interrupt)
    view = _View(call)
    try:
        bill = Drill(scene, orders, view.begins, view.ends).run()
    except KeyboardInterrupt:
        call.console.settle()
        call.console.note("interrupted; what was hit is being started again: `tolv ps` shows where things stand")
        raise
    finally:
        call.console.settle()
    view.sum_up(bill)
    if not bill.clean:
        short = [one.fault for one in bill.outcomes if one.problems]
        raise AppError(
            f"{deploy.app} in {deploy.environment} fell short at: {', '.join(short)}",
            remedy=f"see the lines above, and `tolv logs -a {deploy.app} -e {deploy.environment}`",
        )


def _announce(call: Call, scene: Scene, orders: Orders) -> None:
    """Name all that will be hit."""
    plan = [(one, orders.refused(scene, one)) for one in orders.faults]
    if call.console.as_json:
        rows = [{"fault": one.id, "title": one.title, "target": one.target(scene), "refused": why} for one, why in plan]
        call.console.json({"app": scene.app, "environment": scene.environment, "faults": rows})
        return
    call.console.line(f"A drill of {scene.app} in {scene.environment} will:")
    for one, why in plan:
        call.console.line(f"  {one.id:<8} " + (f"not be done: {why}" if why else f"{one.title}: {one.target(scene)}"))
        call.console.line(call.console.paint(f"           promised: {one.promise}", "dim"))
    shared = [one.id for one, why in plan if one.shared and not why]
    if shared and (others := scene.neighbours()):
        call.console.line(f"{', '.join(shared)} will be felt by others, too: {', '.join(others)}")


def _agree(call: Call, deploy: Deploy, yes: bool) -> None:
    """Have a person, or the one who wrote the script, want this."""
    precious = _PRECIOUS.match(deploy.environment) is not None
    if yes and (call.environment or not precious):
        return
    if yes:
        raise UsageError(f"this is a drill in {deploy.environment}", remedy=f"name it: -e {deploy.environment} --yes")
    if call.console.as_json or not is_interactive():
        raise UsageError("a drill wants an answer from a person", remedy="add --yes, or try --dry-run")
    if not precious:
        click.confirm("Go on?", abort=True)
    elif click.prompt(f"People may depend on {deploy.environment}. Type its name to go on") != deploy.environment:
        raise UsageError("that is not the environment's name; nothing was done")


class _View:
    """The drill as a table that grows by a line a fault."""

    def __init__(self, call: Call) -> None:
        self._console = call.console
        if not call.console.as_json:
            self._console.line(self._console.paint(_ROW.format(*_HEADINGS), "bold"))

    def begins(self, fault: str, target: str) -> None:
        self._console.progress({"step": fault, "message": target, "state": "begin"})

    def ends(self, outcome: Outcome) -> None:
        self._console.settle()
        if self._console.as_json:
            return
        if str(outcome.verdict) == "not run":
            self._console.line(self._console.paint(f"{outcome.fault:<8} {outcome.target}", "dim"))
            return
        seen, lines = outcome.requests, outcome.lines
        row = _ROW.format(
            outcome.fault,
            seen.sent,
            seen.failed,
            seen.in_flight,
            seen.refused,
            _seconds(seen.slowest if seen.sent else None),
            _seconds(outcome.recovery),
            f"{lines.lost}" if not lines.announced else f"{lines.lost} said",
            outcome.target,
        )
        self._console.line(self._console.paint(row.rstrip(), "red") if outcome.problems else row.rstrip())
        for problem in outcome.problems:
            self._console.line(self._console.paint(f"{'':<8} ! {problem}", "red"))
        sys.stdout.flush()

    def sum_up(self, bill: Bill) -> None:
        """What it comes to."""
        if self._console.as_json:
            self._console.json(bill.to_dict())
            return
        for line in bill.summary():
            self._console.line(line)


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM ends a drill as ^C does: with nothing of its own left behind."""
    raise KeyboardInterrupt
