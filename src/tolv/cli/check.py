"""`tolv check`: what holds of the factors, what does not, and what reading cannot tell."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tolv.check.reports import FORMATS, SUMMARIES
from tolv.cli.options import Call, common_options, is_interactive, pass_call
from tolv.cli.reports import emit, look, refuse_unwritable, write_all, write_file
from tolv.errors import TolvError, UsageError

if TYPE_CHECKING:
    from tolv.check.audit import Audit, Check
    from tolv.check.baseline import Baseline
    from tolv.check.fixes import Change
    from tolv.check.model import Report
    from tolv.check.reports import View

_FORMATS = f"One of: {', '.join(FORMATS)}. Default: terminal."
#: Seconds between two looks at how far it is.
_TICK = 0.1


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("-f", "--format", type=click.Choice(list(FORMATS)), metavar="FORMAT", help=_FORMATS)
@click.option("-o", "--output", metavar="FILE", help="Write the report there; of adr also to a directory.")
@click.option("--only", multiple=True, metavar="RULE,...", help="Rules or factors: III-05, VI, config.")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "none"]),
    default="error",
    show_default=True,
    help="Exit status 1 from this severity on.",
)
@click.option("--baseline", metavar="FILE", help="Leave out what this file answers for.")
@click.option("--write-baseline", is_flag=True, help="Write all findings into that file; decisions in it stay.")
@click.option("--diff", "since", metavar="REF", help="Only findings that are new against a commit; or in A..B.")
@click.option("--summary", is_flag=True, help="A table: a row each PATH, a column each factor.")
@click.option("--no-cache", is_flag=True, help="Read every file anew.")
@click.option("--fix", is_flag=True, help="Write what is safe to write, after showing it.")
@click.option("--yes", is_flag=True, help="Do not ask before writing.")
@common_options
@pass_call
@click.pass_context
def check(ctx: click.Context, call: Call, /, paths: tuple[str, ...], **given: Any) -> None:
    """Audit the codebases at PATH (default: the current directory) against the twelve factors and the four after.

    Says of each factor whether it holds, and of each finding where it is, why it matters and what to do. Nothing of
    the code is run, nothing is sent anywhere, and no server is needed. A comment `# tolv: ignore[III-05] reason` on a
    line or above it answers for a finding; so do [check] in tolv.toml and a baseline.

    \b
    Example:
      tolv check .
      tolv check . --only III,VI-02 --fail-on warning
      tolv check . --format sarif --output tolv.sarif
      tolv check . --baseline tolv-baseline.json --write-baseline
      tolv check . --diff main                 in a pull request: what it adds
      tolv check . --fix                       a template, a Procfile …: shown first
      tolv check apps/* --summary
    """
    order = _Order(call, paths, **given)
    audits = order.audits()
    if given["fix"]:
        audits = order.mended(audits)
    if given["write_baseline"]:
        order.write_baseline(audits[0])
    order.show([one.report for one in audits])
    ctx.exit(order.status([one.report for one in audits]))


class _Order:
    """One use of the command: its options, and what they add up to."""

    def __init__(self, call: Call, paths: tuple[str, ...], **given: Any) -> None:
        from tolv.check.catalogue import catalogue

        self._call = call
        self._paths = [_directory(path) for path in paths or (".",)]
        self._given = given
        self._format: str = given["format"] or ("json" if call.json else "terminal")
        self._fail_on = None if given["fail_on"] == "none" else given["fail_on"]
        self._failed = 0
        call.json = call.json or self._format == "json"
        self._refuse()
        self._rules = dict(catalogue())
        self._baseline = self._read_baseline()

    def audits(self) -> list[Audit]:
        """Every path's. Of several a path that cannot be checked is said, and the others go on."""
        audits = []
        for path in self._paths:
            try:
                audits.append(self._audit(path))
            except Exception as error:
                if len(self._paths) == 1 or self._call.debug:
                    raise
                self._say(path, error)
        return audits

    def _say(self, path: Path, error: Exception) -> None:
        from tolv.cli.main import fault
        from tolv.cli.output import print_error

        described = error if isinstance(error, TolvError) else fault(error)
        described.where = described.where or str(path)
        print_error(described, as_json=self._call.json)
        self._failed = max(self._failed, described.exit_code)

    def show(self, reports: list[Report]) -> None:
        """Print the reports, or write them to where they are wanted."""
        from tolv.check.reports import render, render_summary

        output, view = self._given["output"], self._view()
        if output and self._format == "adr" and (output.endswith("/") or os.path.isdir(output)):
            self._write_records(reports, Path(output), view)
            return
        text = (render_summary if self._given["summary"] else render)(self._format, reports, view)
        emit(self._call, text, output)

    def status(self, reports: list[Report]) -> int:
        """The exit status."""
        from tolv.check.audit import fails

        if self._given["write_baseline"]:
            return 0
        return self._failed or int(any(fails(report, self._fail_on) for report in reports))

    def mended(self, audits: list[Audit]) -> list[Audit]:
        """The audits after what is safe was written, if somebody agreed to it."""
        from tolv.check.fixes import changes
        from tolv.check.fixes.tree import Tree
        from tolv.check.fixes.write import write

        path = self._paths[0]
        found = changes(audits[0].report, Tree(path))
        if not self._agreed(found):
            return audits
        write(path, found)
        self._call.console.note(f"wrote {', '.join(one.path for one in found)}")
        return self.audits()

    def write_baseline(self, one: Audit) -> None:
        """Write all that was found into the baseline's file."""
        from tolv.check.baseline import Baseline, format_baseline, renewed

        path = Path(self._given["baseline"])
        written = renewed(one.whole, self._baseline or Baseline())
        write_file(path, format_baseline(written))
        self._call.console.note(f"wrote {path}: {len(written.entries)} findings")

    def _audit(self, path: Path) -> Audit:
        from datetime import UTC, datetime

        from tolv.check.audit import Request, audit

        only = tuple(name for names in self._given["only"] for name in names.split(",") if name.strip())
        request = Request(only, self._baseline, self._given["since"])
        progress = _Progress(self._call)
        try:
            found = audit(path, request, self._rules, self._check(progress), datetime.now(UTC).date())
        finally:
            progress.end()
        for said in found.remarks:
            self._call.console.note(said)
        return found

    def _check(self, progress: _Progress) -> Check:
        from tolv.check.engine import Options
        from tolv.check.engine import check as run

        cache = not self._given["no_cache"]
        return lambda path, only: run(path, Options(only=only, cache=cache, progress=progress))

    def _agreed(self, found: tuple[Change, ...]) -> bool:
        """Show what would be written, and have somebody agree."""
        from tolv.check.fixes import unified

        console = self._call.console
        if not found:
            console.note("nothing here is safe to write for you")
            return False
        for one in found:
            print(f"# {one.why}\n{_shown(unified(one))}", end="", file=sys.stderr)
        if self._given["yes"]:
            return True
        if not is_interactive():
            raise UsageError("--fix wants an answer from a person", remedy="look at the differences, then add --yes")
        return click.confirm(f"Write {len(found)} file{'s' * (len(found) > 1)}?", err=True)

    def _view(self) -> View:
        from datetime import UTC, datetime
        from functools import lru_cache

        from tolv.check.audit import read_lines
        from tolv.check.reports import View

        kept = lru_cache(maxsize=64)(read_lines)
        width, colour = look(self._call, self._given["output"])
        return View(
            rules=self._rules,
            lines=lambda report, path: kept(report.root, path),
            width=width,
            colour=colour,
            fail_on=self._fail_on,
            today=datetime.now(UTC).date(),
        )

    def _write_records(self, reports: list[Report], directory: Path, view: View) -> None:
        from tolv.check.reports.adr import overview, records

        for report in reports:
            below = directory / report.app if len(reports) > 1 else directory
            found = {one.name: one.text for one in records(report, view)}
            write_all(below, {"0000-questions.md": overview(report), **found})
        self._call.console.note(f"wrote the records to {directory}")

    def _read_baseline(self) -> Baseline | None:
        from tolv.check.baseline import parse_baseline
        from tolv.codebase.text import read_text

        name = self._given["baseline"]
        text = read_text(Path(name)) if name else None
        if text is None and name and not self._given["write_baseline"]:
            raise UsageError("there is no such baseline", where=name, remedy="write one with --write-baseline")
        return None if text is None else parse_baseline(text, name)

    def _refuse(self) -> None:
        """Options that do not go together."""
        given, several = self._given, len(self._paths) > 1
        if self._call.json and self._format != "json":
            raise UsageError(f"--json and --format {self._format} exclude each other", remedy="give one of them")
        if given["summary"] and self._format not in SUMMARIES:
            raise UsageError(f"there is no summary as {self._format}", remedy=f"one of: {', '.join(SUMMARIES)}")
        if given["write_baseline"] and not given["baseline"]:
            raise UsageError("--write-baseline has no file to write to", remedy="name it with --baseline FILE")
        refuse_unwritable(given["output"], directory=self._format == "adr")
        if given["write_baseline"]:
            refuse_unwritable(given["baseline"])
        if several and (given["baseline"] or given["fix"]):
            option = "--baseline" if given["baseline"] else "--fix"
            raise UsageError(f"{option} takes one PATH", remedy="check them one by one")


class _Progress:
    """How far it is, on standard error if that is a terminal: `reading 1 200 of 5 000 files`."""

    def __init__(self, call: Call) -> None:
        self._shown = sys.stderr.isatty() and not call.json
        self._next = time.monotonic() + _TICK
        self._written = False

    def __call__(self, done: int, total: int) -> None:
        if self._shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + _TICK
            self._written = True
            print(f"\r\x1b[Kreading {done:,} of {total:,} files".replace(",", " "), end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave nothing behind."""
        if self._written:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._written = False


def _directory(path: str) -> Path:
    """The directory that PATH names, as it is or as a `file://` URL."""
    if path.startswith("file://"):
        from urllib.parse import unquote, urlsplit

        path = unquote(urlsplit(path).path)
    elif "://" in path:
        remedy = f"clone it first: git clone {path}"
        raise UsageError(f"{path} is not on this machine, and check fetches nothing", remedy=remedy)
    return Path(path).resolve()


def _shown(diff: str) -> str:
    from tolv.reports.text import plain

    return "".join(f"{plain(line)}\n" for line in diff.splitlines())
