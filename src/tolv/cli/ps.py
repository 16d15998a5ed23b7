"""`tolv ps`: what runs, and how it is."""

from __future__ import annotations

from typing import Any

import click

from tolv.cli.options import Call, common_options, deploy_options, pass_call
from tolv.cli.output import ago, duration


@click.command()
@deploy_options
@common_options
@pass_call
def ps(call: Call) -> None:
    """List processes: state, pid, port, uptime, restarts, and the reason for the state they are in.

    \b
    Example:
      tolv ps -e prod
    """
    path = call.deploy().path
    processes = call.api.get(f"{path}/processes")
    if call.console.as_json:
        call.console.json(processes)
        return
    if (kept := call.api.get(f"{path}/maintenance")["maintenance"]) is not None:
        what = "wait" if kept["hold"] else "are answered 503"
        call.console.line(f"in maintenance since {ago(kept['since'])}: requests {what}")
    if not processes:
        call.console.line("no processes")
        return
    call.console.table(
        ("PROCESS", "STATE", "RELEASE", "PID", "PORT", "UPTIME", "RESTARTS", "REASON"),
        (
            (
                one["process"],
                one["state"],
                one["release"],
                one["pid"],
                one["port"],
                None if one["uptime_s"] is None else duration(one["uptime_s"]),
                one["restarts"],
                _reason(one),
            )
            for one in processes
        ),
    )
    for what in sorted({what for one in processes for what in one.get("off", ())}):
        names = " ".join(one["process"] for one in processes if what in one.get("off", ()))
        call.console.line(f"off: {what} ({names}); `tolv doctor` says why")
    for release, left in {one["release"]: one["baking_s"] for one in processes if one["baking_s"] is not None}.items():
        call.console.line(f"{release} is watched for another {duration(left)}: see `tolv releases`")


def _reason(process: dict[str, Any]) -> str:
    reason = process["reason"] or ""
    pause = process.get("next_attempt_s")
    return reason if pause is None else f"{reason}; next attempt in {duration(pause)}".lstrip("; ")
