"""`tolv logs`: one stream of all processes, of the router and of Tolv."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from tolv.cli.http import CutShort
from tolv.cli.options import Call, Deploy, common_options, deploy_options, pass_call
from tolv.errors import PlatformError

#: Times in a row that a stream which brought nothing is asked for again.
_TRIES = 5
#: By how much a line of one process may come after a later one of another.
_OVERLAP = timedelta(seconds=2)


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines as they come.")
@click.option("-n", "--lines", type=click.IntRange(min=0), help="The last N lines. Default: 100; all with --since.")
@click.option("--process", "-p", metavar="NAME", help="Only a type (web) or a process (web.1).")
@click.option("--release", "-r", metavar="vN", help="Only lines that this release wrote.")
@click.option("--since", metavar="TIME", help="Only lines since then: 30s, 10m, 2h, 1d, or an ISO 8601 time.")
@deploy_options
@common_options
@pass_call
def logs(
    call: Call, follow: bool, lines: int | None, process: str | None, release: str | None, since: str | None
) -> None:
    """Show the logs of a deploy: stdout and stderr of its processes, requests, and what Tolv did.

    Past releases and dead processes are there too. With --json, one object per line.

    \b
    Example:
      tolv logs -e prod -f
      tolv logs -e prod --process worker --since 2h
    """
    deploy = call.deploy()
    asked = {"process": process, "release": release, "since": since}
    if lines is None and since is None:
        lines = 100
    if follow:
        follow_logs(call, deploy, lines=lines, **asked)
        return
    for line in call.api.lines(f"{deploy.path}/logs", lines=lines, follow=False, **asked):
        call.console.log(line)


def follow_logs(call: Call, deploy: Deploy, **asked: Any) -> None:
    """Print lines as they come until interrupted; a server that goes away is started again, and no line missed."""
    place = _Place()
    failures = 0
    while failures < _TRIES:
        try:
            for line in call.api.lines(f"{deploy.path}/logs", follow=True, **asked | place.asked()):
                if place.is_new(line):
                    call.console.log(line)
                    sys.stdout.flush()
                failures = 0
            return
        except CutShort:
            failures += 1
            place.go_back()
            time.sleep(0.1 * failures)
    raise PlatformError("the Tolv server keeps going away", remedy="`tolv server status` shows its log")


class _Place:
    """How far the lines of each stream have been printed: many share one time, and between streams times go back."""

    def __init__(self) -> None:
        self._latest: datetime | None = None
        self._printed: dict[tuple[str, ...], tuple[str, int]] = {}
        """By stream: the time of its last line, and how many lines of that time were printed."""
        self._again: dict[tuple[str, ...], tuple[str, int]] = {}

    def asked(self) -> dict[str, Any]:
        """What to ask the next server for: lines from a little before the last one."""
        return {} if self._latest is None else {"since": (self._latest - _OVERLAP).isoformat(), "lines": None}

    def go_back(self) -> None:
        """From here on lines come again."""
        self._again = dict(self._printed)

    def is_new(self, line: dict[str, Any]) -> bool:
        """Whether a line was not printed yet."""
        key, moment = (line["release"], line["process"], line["stream"]), line["time"]
        last, count = self._again.get(key, ("", 0))
        if moment < last:
            return False
        if moment == last and count:
            self._again[key] = (last, count - 1)
            return False
        before, so_many = self._printed.get(key, ("", 0))
        self._printed[key] = (moment, so_many + 1 if moment == before else 1)
        self._latest = max(self._latest or datetime.min.replace(tzinfo=UTC), datetime.fromisoformat(moment))
        return True
