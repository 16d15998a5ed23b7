"""The root of the command line: which commands there are, and how a failure leaves the process.

Light on purpose: a command's module is imported when that command is used, so that `tolv --help` and `tolv ps`
answer in less than a tenth of a second.
"""

from __future__ import annotations

import contextlib
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from tolv import __version__
from tolv.cli.options import common_options, deploy_options
from tolv.cli.output import print_error
from tolv.cli.streams import LOST, ReaderLeft, guard_streams
from tolv.errors import PlatformError, TolvError, UsageError

#: Every command by heading: its name (also its module and function in `tolv.cli`) and its line in `tolv --help`.
SECTIONS: dict[str, dict[str, str]] = {
    "Is it twelve-factor?": {
        "check": "Audit a codebase against the factors, with evidence.",
        "prove": "Run the app, and try the factors on it.",
        "audit": "Check and prove, in one report, factor by factor.",
        "explain": "Say what a rule looks for, why, and how to mend it.",
        "rules": "List the rules.",
    },
    "From code to a running app": {
        "up": "Build, release and run an app here, and follow its logs.",
        "deploy": "Put a commit into an environment as a new release.",
        "build": "Make the immutable build of a commit, and nothing more.",
    },
    "Releases": {
        "releases": "List the releases of a deploy, newest first.",
        "rollback": "Go back: a new release from an old one.",
        "promote": "Move a build from one environment to another.",
        "config": "Show and change config: environment variables.",
        "parity": "Say how far apart two environments are, in figures.",
        "domains": "Show and change own domains, and their HTTPS.",
    },
    "Backing services": {
        "services": "List backing services; back up and restore their data.",
        "attach": "Give an app a database, cache, mailbox …, here or by URL.",
        "swap": "Put another service in the place of one, without a build.",
        "share": "Let another app or environment use a service, too.",
        "detach": "Take a service out of an app's config; its data stays.",
    },
    "Processes": {
        "ps": "List processes, their state and why they are in it.",
        "scale": "Set how many processes of each type run.",
        "restart": "Restart all processes, a type, or one.",
        "logs": "Show or follow logs, of dead processes too.",
        "run": "Run a one-off command in the live release.",
        "maintenance": "Keep requests from an app for a while; it runs on.",
        "down": "Stop an app's processes; the deploy stays.",
    },
    "Apps and Tolv itself": {
        "apps": "List apps, their environments and URLs.",
        "destroy": "Remove an app, or one environment of it.",
        "server": "Run, look at or stop the Tolv server.",
        "doctor": "Say what this machine offers, and what is missing.",
        "drill": "Do faults on purpose, and say what came of them.",
        "version": "Show the version.",
    },
}


class LazyGroup(click.Group):
    """A group whose commands live in modules that are imported only when one is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for commands in SECTIONS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = getattr(import_module(f"tolv.cli.{cmd_name}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and name not in self.list_commands(ctx):
            from difflib import get_close_matches

            close = get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f" Did you mean '{close[0]}'?" if close else " `tolv --help` lists all commands."
            ctx.fail(f"No such command '{name}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, commands in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl(list(commands.items()), col_spacing=4)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tolv", message="%(prog)s %(version)s")
@deploy_options
@common_options
def cli() -> None:
    """Tolv checks and runs twelve-factor apps: audit, build, release, run, on one machine.

    \b
    Example:
      tolv check .                        audit it
      tolv up examples/guestbook          try an app
      tolv deploy . -e prod               release its last commit
      tolv logs -e prod -f                watch it
      tolv rollback -e prod               go back

    Exit status: 0 done, 1 the app fell short, 2 wrong usage, 3 Tolv or its surroundings failed.
    """


def main() -> NoReturn:
    """Run the command line and end the process with its exit status."""
    guard_streams()
    try:
        status = _run()
    except ReaderLeft:
        # The reader has what it wanted (`tolv logs | head`): the status is that of a program which SIGPIPE ended.
        status = 141
    except KeyboardInterrupt:
        status = 130
    with contextlib.suppress(*LOST):  # what an error has left behind; that one is the status
        sys.stdout.flush()
    sys.exit(status)


def _run() -> int:
    words = sys.argv[1 : sys.argv.index("--")] if "--" in sys.argv else sys.argv[1:]
    as_json, debug = "--json" in words, "--debug" in words
    try:
        status = _obey(as_json)
        sys.stdout.flush()
        return status
    except ReaderLeft:
        raise
    except Exception as error:
        if debug:
            import traceback

            traceback.print_exc()
        described = error if isinstance(error, TolvError) else fault(error)
        print_error(described, as_json=as_json)
        return described.exit_code


def _obey(as_json: bool) -> int:
    """Have the command done; the exit status, also of what Click itself refuses."""
    try:
        result: Any = cli.main(prog_name="tolv", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else error.message)
        return 2
    except click.ClickException as error:
        _report_usage(error, as_json)
        return error.exit_code
    except click.Abort:
        return 130


def fault(error: Exception) -> PlatformError:
    """What nobody foresaw, as an error that says so."""
    problem = f"this is a fault of Tolv's own: {type(error).__name__}: {error}"
    return PlatformError(problem, remedy="run it again with --debug and report the traceback")


def _report_usage(error: click.ClickException, as_json: bool) -> None:
    if not as_json:
        error.show()
        return
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "tolv"
    print_error(UsageError(error.format_message(), remedy=f"see `{command} --help`"), as_json=True)
