"""`tolv prove`: run the app, and try the factors on it."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tolv.cli.options import Call, common_options, pass_call
from tolv.errors import UsageError

if TYPE_CHECKING:
    from tolv.prove.model import Report, Result, Verdict
    from tolv.prove.probe import Probe
    from tolv.prove.prove import Order
    from tolv.prove.reports import View

_FORMATS = ("terminal", "json", "junit")
#: Columns of a report that no terminal shows, and the most that a line of text is comfortable with.
_WIDTH, _WIDEST = 100, 140


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
    order = _order(call, tuple(one for id, one in probes.items() if id in wanted), given)
    report = _run(call, Path(path), order)
    view = _view(call, given, to_file=given["output"] is not None)
    _show(call, report, format, view, given["output"])
    ctx.exit(int(any(view.fails(one) for one in report.results)))


def _order(call: Call, probes: tuple[Probe, ...], given: dict[str, Any]) -> Order:
    from tolv.prove.prove import Order

    manifest = given["manifest"]
    if manifest is not None and not Path(manifest).is_file():
        raise UsageError("there is no such manifest", where=manifest, remedy="name a file like tolv.toml")
    return Order(
        probes,
        app=call.app,
        manifest=Path(manifest).resolve() if manifest else None,
        runtimes=call.runtimes,
        tier=given["tier"],
        keep=given["keep"],
        jobs=given["jobs"] or 0,
    )


def _run(call: Call, path: Path, order: Order) -> Report:
    from tolv.home import current_home
    from tolv.prove.prove import prove as run

    home = current_home()
    home.make()
    progress = _Progress(call)
    try:
        return asyncio.run(run(path.resolve(), home, order, progress))
    finally:
        progress.clear()


def _show(call: Call, report: Report, format: str, view: View, output: str | None) -> None:
    from tolv.codebase.replace import replace_file
    from tolv.errors import PlatformError
    from tolv.prove.reports import render

    text = render(format, report, view)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        replace_file(Path(output), text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise PlatformError(f"{output} cannot be written: {error.strerror}", remedy="name another file") from None
    call.console.note(f"wrote {output}")


def _view(call: Call, given: dict[str, Any], *, to_file: bool) -> View:
    from tolv.prove.reports import View

    to_terminal = sys.stdout.isatty() and not to_file
    width = min(shutil.get_terminal_size().columns, _WIDEST) if to_terminal else _WIDTH
    return View(
        width=width,
        colour=call.console.colour and to_terminal,
        unicode=to_file or "utf" in (sys.stdout.encoding or "").lower(),
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
    from tolv.codebase.reader import read_app
    from tolv.prove.catalogue import catalogue
    from tolv.prove.discovery.discover import discover
    from tolv.prove.init import add_section, render_section

    root = locate(path.resolve()).path
    needing: dict[str, tuple[str, ...]] = {}
    for one in catalogue().values():
        for need in one.needs:
            needing[need] = (*needing.get(need, ()), one.id)
    found = discover(root, read_app(root, name=call.app, fallback_name=root.name))
    add_section(root / "tolv.toml", render_section(found, needing))
    call.console.note(f"wrote [prove] to {root / 'tolv.toml'}: look at it, then: tolv prove {path}")


class _Progress:
    """What is being tried, on standard error: a line that changes, if that is a terminal; else a line each time."""

    def __init__(self, call: Call) -> None:
        self._shown = not call.json and sys.stderr.isatty()
        self._written = False
        self._trying: list[str] = []

    def say(self, text: str) -> None:
        self._write(text)

    def begin(self, probe: Probe, done: int, total: int) -> None:
        self._trying.append(probe.id)
        self._count(done, total)

    def end(self, result: Result, done: int, total: int) -> None:
        self._trying.remove(result.id)
        self._count(done, total)

    def _count(self, done: int, total: int) -> None:
        self._write(f"{done} of {total} probes; trying {', '.join(self._trying) or 'no more'}")

    def _write(self, text: str) -> None:
        if self._shown:
            self._written = True
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{text.splitlines()[0][:width] if text else ''}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Leave nothing behind."""
        if self._written:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
