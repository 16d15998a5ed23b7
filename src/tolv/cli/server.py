"""`tolv server`: the process that decides, in the foreground or in the background."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from tolv.cli.options import Call, common_options, pass_call
from tolv.cli.start import start_server
from tolv.errors import PlatformError
from tolv.home import Home, current_home, socket_address
from tolv.interpreter import own_program

#: Seconds that the server has to end once it said that it stops.
_STOP_DEADLINE = 30.0
#: What of this environment a unit takes along.
_SETTINGS = (
    "TOLV_PORT",
    "TOLV_LOG_BUDGET",
    "TOLV_DISK_BUDGET",
    "TOLV_TMP_BUDGET",
    "TOLV_KEPT_RELEASES",
    "TOLV_SANDBOX",
    "TOLV_USERS",
    "TOLV_SERVICE_LOOK",
    "TOLV_SERVICE_WAIT",
)


@click.group(invoke_without_command=True)
@click.option("--print-systemd-unit", is_flag=True, help="Print a unit that runs the server, and do nothing more.")
@common_options
@pass_call
@click.pass_context
def server(ctx: click.Context, call: Call, print_systemd_unit: bool) -> None:
    """Run the Tolv server in the foreground, as systemd wants it; the commands below look at it or stop it.

    Other commands start one in the background when none runs.

    \b
    Example:
      tolv server status
      tolv server --print-systemd-unit > /etc/systemd/system/tolv.service
    """
    if ctx.invoked_subcommand is not None:
        return
    if print_systemd_unit:
        call.console.part(systemd_unit(current_home()))
        return
    current_home().make()
    command = own_program("tolv.server")
    os.execv(command[0], command)


@server.command()
@common_options
@pass_call
def start(call: Call) -> None:
    """Start the server in the background, if none runs.

    \b
    Example:
      tolv server start
    """
    started = start_server(call.api.home, call.api.status)
    state = call.api.get("/v1/server")
    if call.console.as_json:
        call.console.json(state)
    else:
        verb = "started" if started else "runs already"
        call.console.line(f"the Tolv server {verb}: pid {state['pid']}, port {state['port']}")


@server.command()
@common_options
@pass_call
@click.pass_context
def status(ctx: click.Context, call: Call) -> None:
    """Say whether the server runs: pid, port, home, and the processes that belong to it. Exit status 3 if it does not.

    \b
    Example:
      tolv server status --json
    """
    state = call.api.status()
    if call.console.as_json:
        call.console.json(state or {"pid": None, "home": str(call.api.home.root)})
    elif state:
        for name, value in state.items():
            shown = " ".join(map(str, value)) if isinstance(value, list) else "-" if value is None else value
            call.console.line(f"{name.replace('_', ' '):<12} {shown}")
    else:
        call.console.line(f"no server runs on {call.api.home.root}")
    ctx.exit(0 if state else 3)


@server.command()
@click.option("--leave-running", is_flag=True, help="Leave apps and router as they are; only the server stops.")
@common_options
@pass_call
def stop(call: Call, leave_running: bool) -> None:
    """Stop the server and all that runs under it; the next start brings the same releases back.

    \b
    Example:
      tolv server stop
      tolv server stop --leave-running
    """
    state = call.api.status() or _state_of_the_rest(call)
    if state is None:
        call.console.note("no server runs")
        if call.console.as_json:
            call.console.json({"stopped": False})
        return
    body = {"leave_running": leave_running}
    with _process(state["pid"]) as ended:
        outcome = call.act("POST", "/v1/server/stop", body, start=False)
        ended(_STOP_DEADLINE)
    call.console.finish(outcome)


def _state_of_the_rest(call: Call) -> dict[str, Any] | None:
    """When the server is dead but its keeper goes on: a server is needed to stop what runs."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(socket_address(current_home().keeper_socket))
        except OSError:
            return None
    state: dict[str, Any] = call.api.get("/v1/server")
    return state


@contextmanager
def _process(pid: int) -> Iterator[Callable[[float], None]]:
    """A hold on a process, taken while it is known to live: call it to wait for its end."""
    descriptor = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    try:
        yield lambda seconds: None if poll.poll(seconds * 1000) else _still_there(pid)
    finally:
        os.close(descriptor)


def _still_there(pid: int) -> NoReturn:
    raise PlatformError(f"the Tolv server (pid {pid}) has not ended yet", remedy="see its log: tolv server status")


def systemd_unit(home: Home) -> str:
    """A unit for this user: the system's for root, the user's own otherwise."""
    program = Path(__file__).parents[3] / "bin" / "tolv"
    words = [str(program)] if program.exists() else own_program("tolv")
    variables = [f"TOLV_HOME={home.root}"] + [f"{name}={os.environ[name]}" for name in _SETTINGS if name in os.environ]
    return _UNIT.format(
        command=" ".join(map(_quoted, [*words, "server"])),
        environment="\n".join(f"Environment={_quoted(one)}" for one in variables),
        target="multi-user.target" if os.geteuid() == 0 else "default.target",
    )


def _quoted(word: str) -> str:
    """A word as systemd reads it back: `%` and `$` are its own."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if escaped != word or " " in word else word


# KillMode=process: only the server is systemd's to stop. The apps, their keeper and the router outlive it, so that a
# new version of Tolv starts without touching them. Delegate=yes gives every process a cgroup of its own;
# the subgroup (systemd 254), out of whose way Tolv stays, lets those have limits.
_UNIT = """\
[Unit]
Description=Tolv, the twelve-factor platform
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
ExecStart={command}
{environment}
KillMode=process
Delegate=yes
DelegateSubgroup=tolv
Restart=always
RestartSec=1
LimitNOFILE=65536

[Install]
WantedBy={target}
"""
