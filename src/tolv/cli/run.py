"""`tolv run`: a one-off command in the live release."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from tolv.cli.options import Call, common_options, deploy_options, is_interactive, pass_call

if TYPE_CHECKING:
    from tolv.run.model import Exit

#: Passed on to the command. What a terminal's keys send (^C) reaches it through its own terminal, if it has one.
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] COMMAND...")
@click.option("--detach", "-d", is_flag=True, help="Return at once; `tolv ps` lists it, its output goes to the logs.")
@click.option("--time-limit", type=click.FloatRange(min=1), metavar="SECONDS", help="End it after so long.")
@deploy_options
@common_options
@pass_call
@click.pass_context
def run(ctx: click.Context, call: Call, command: tuple[str, ...], detach: bool, time_limit: float | None) -> None:
    """Run COMMAND in the live release, with its config, code and PATH.

    It has a terminal if you have one. `tolv run` ends with its exit status, 128 + N if signal N ended it.

    \b
    Example:
      tolv run -e prod -- python manage.py migrate
      tolv run -e prod --detach -- python -m shop.reindex
    """
    tty = not detach and is_interactive()
    body: dict[str, Any] = {"command": list(command), "detach": detach, "tty": tty, "by": call.by}
    body |= {"terminal": os.environ.get("TERM") if tty else None, "time_limit": time_limit}
    started = call.api.post(f"{call.deploy().path}/one-offs", body)
    if detach:
        if call.console.as_json:
            call.console.json(started)
        else:
            call.console.line(f"{started['process']} runs in {started['release']}")
        return
    ctx.exit(_status(_attach(call, started["id"], tty)))


def _attach(call: Call, process: str, tty: bool) -> Exit:
    from tolv.run.keeper.attach import attach_sync

    if not tty:
        return attach_sync(call.api.home, process, (0, 1, 2), _pass_signals_on)
    from tolv.run.keeper.terminal import Terminal

    with Terminal() as terminal:
        return attach_sync(call.api.home, process, terminal.descriptors, _pass_signals_on)


def _pass_signals_on(send: Callable[[int], None]) -> None:
    for number in _PASSED_ON:
        signal.signal(number, lambda received, _: send(received))


def _status(exit: Exit) -> int:
    """The exit status as a shell gives it; 3 when nobody saw how it ended."""
    if exit.signal is not None:
        return 128 + exit.signal
    return 3 if exit.code is None else exit.code
