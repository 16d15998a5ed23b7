"""`tolv version`."""

from __future__ import annotations

import platform

import click

from tolv import __version__
from tolv.cli.options import Call, common_options, pass_call
from tolv.home import current_home


@click.command()
@common_options
@pass_call
def version(call: Call) -> None:
    """Show Tolv's version, and with --json its Python and home too.

    \b
    Example:
      tolv version --json
    """
    if call.console.as_json:
        home = str(current_home().root)
        call.console.json({"version": __version__, "python": platform.python_version(), "home": home})
    else:
        call.console.line(f"tolv {__version__}")
