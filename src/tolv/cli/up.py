"""`tolv up`: from a directory to a running app, with its logs, until ^C."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from tolv.cli.client import Outcome
from tolv.cli.logs import follow_logs
from tolv.cli.options import GOES_ON, Call, Deploy, common_options, deploy_options, pass_call
from tolv.cli.output import print_error
from tolv.cli.streams import LOST
from tolv.errors import TolvError, UsageError

if TYPE_CHECKING:
    from tolv.cli.watch import Watch

_STOPS = "interrupted; it is stopped once the server is through with this step (^C again lets it run)"


@click.command()
@click.argument("path", default=".")
@click.option("--detach", "-d", is_flag=True, help="Return once it is live; it goes on running.")
@click.option("--watch", "-w", is_flag=True, help="Build and roll again whenever a file is saved.")
@deploy_options
@common_options
@pass_call
def up(call: Call, path: str, detach: bool, watch: bool) -> None:
    """Build, release and run the app at PATH, say its URL, and follow its logs until ^C stops it.

    Files that are not committed yet are used as they are, and the build is marked dirty. Config comes from the
    defaults of .env.example and from .env. The environment is dev unless -e names another.

    \b
    Example:
      tolv up examples/guestbook
      tolv up . --watch
      tolv up . --detach --json
    """
    if detach and watch:
        raise UsageError("--detach and --watch exclude each other", remedy="leave one of them out")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    began = datetime.fromtimestamp(time.time(), UTC).isoformat()
    call.warn_of_port()
    try:
        outcome = bring_up(call, path, GOES_ON if detach else _STOPS)
    except (KeyboardInterrupt, *LOST):
        if not detach:
            _call_off(call, path)
        raise
    value = outcome.value or {}
    if detach or not value or (outcome.error and not watch):
        call.console.finish(outcome)
        return
    if call.console.as_json:
        call.console.json_line(value)
    deploy = Deploy(value["app"], value["environment"])
    watching = _watch(call, path, outcome.error) if watch else None
    try:
        follow_logs(call, deploy, since=began)
    except KeyboardInterrupt:
        _stop(call, deploy, watching)
    except LOST:  # nobody reads on: the terminal is closed, or `tolv up | head` has its lines
        _stop(call, deploy, watching)
        raise


def bring_up(call: Call, path: str, if_interrupted: str = GOES_ON) -> Outcome:
    """Have the server deploy what lies at `path` now."""
    body: dict[str, Any] = {
        "path": os.path.abspath(path),
        "app": call.app,
        "environment": call.environment or "dev",
        "ref": None,
        "dirty": False,
        "mode": "up",
        "runtimes": call.runtimes,
        "by": call.by,
    }
    return call.act("POST", "/v1/deploys", body, if_interrupted=if_interrupted)


def _call_off(call: Call, path: str) -> None:
    """Stop what is not up yet: once the server has done with it. A second ^C leaves it to run."""
    app = call.app or call.api.get("/v1/resolve", path=os.path.abspath(path))["app"]
    if app:
        outcome = _down(call, Deploy(app, call.environment or "dev"), force=False, wait=True)
        if outcome.error and not isinstance(outcome.error, UsageError):  # one of usage: nothing has come of it
            raise outcome.error
        call.console.note(f"{app} is stopped")


def _watch(call: Call, path: str, first: TolvError | None) -> Watch:
    from tolv.cli.watch import Watch

    if first:
        print_error(first, as_json=call.console.as_json)
    return Watch(call, path)


def _stop(call: Call, deploy: Deploy, watching: Watch | None) -> None:
    """Stop the deploy's processes; a second ^C does not wait for them to finish."""
    if not call.console.as_json:
        processes = call.api.get(f"{deploy.path}/processes")
        names = [one["process"] for one in processes if one["state"] != "stopped" and one["type"] != "run"]
        with suppress(*LOST):
            call.console.part(f"  stopping {' '.join(names)} … ")
    try:
        if watching:
            watching.stop()
        outcome = _down(call, deploy, force=False)
    except KeyboardInterrupt:
        outcome = _down(call, deploy, force=True)
    if outcome.error:
        raise outcome.error
    if not call.console.as_json:
        with suppress(*LOST):
            call.console.line("done")


def _down(call: Call, deploy: Deploy, *, force: bool, wait: bool = False) -> Outcome:
    body = {"force": force, "wait": wait, "by": call.by}
    return call.api.act("POST", f"{deploy.path}/down", body, lambda _: None)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Let SIGTERM and a closed terminal end `up` as ^C does: with its processes stopped.

    A closing terminal is told of by the kernel and by the shell: the second time is no second ^C.
    """
    if number == signal.SIGHUP:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
