"""`tolv logs`: one stream of all processes, of the router and of Tolv."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import click

from tolv.cli.http import CutShort
from tolv.cli.options import Call, Deploy, common_options, deploy_options, pass_call
from tolv.errors import PlatformError

#: Times in a row that a stream which brought nothing is asked for again.
_TRIES = 5


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
    failures = 0
    while failures < _TRIES:
        try:
            for line in _following(call, deploy, asked):
                call.console.log(line)
                sys.stdout.flush()
                asked |= {"since": _just_after(line["time"]), "lines": None}
                failures = 0
            return
        except CutShort:
            failures += 1
            time.sleep(0.1 * failures)
    raise PlatformError("the Tolv server keeps going away", remedy="`tolv server status` shows its log")


def _following(call: Call, deploy: Deploy, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return call.api.lines(f"{deploy.path}/logs", follow=True, **asked)


def _just_after(moment: str) -> str:
    return (datetime.fromisoformat(moment) + timedelta(microseconds=1)).isoformat()
