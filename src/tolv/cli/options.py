"""The options that every command has, and what they add up to: one `Call`.

`-a`, `-e`, `--json` and `--debug` are accepted before and after the command's name; the last one wins.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import click

from tolv.cli.client import Api
from tolv.cli.output import Console
from tolv.errors import UsageError
from tolv.home import current_home

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Deploy:
    """An app in an environment, as a command addresses it."""

    app: str
    environment: str

    @property
    def path(self) -> str:
        """Its place in the server's API."""
        return f"/v1/apps/{self.app}/environments/{self.environment}"


class Call:
    """One use of the command line: what was asked, and the two things to answer with, `api` and `console`."""

    def __init__(self) -> None:
        self.app: str | None = None
        self.environment: str | None = None
        self.json = False
        self.debug = False

    @cached_property
    def console(self) -> Console:
        return Console(as_json=self.json)

    @cached_property
    def api(self) -> Api:
        return Api(current_home(), announce=self.console.note)

    @property
    def by(self) -> str:
        """Who asks: login name at host, as a release keeps it."""
        import pwd

        try:
            name = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            name = str(os.getuid())
        return f"{os.environ.get('SUDO_USER') or name}@{os.uname().nodename}"

    def deploy(self, path: str = ".", *, first: str | None = None) -> Deploy:
        """The deploy that is meant: `-a` or the app at `path`; `-e` or its only environment.

        `first` names the environment of an app that has none yet. Raises `UsageError` where that leaves a choice.
        """
        if self.app and self.environment:
            return Deploy(self.app, self.environment)
        known = self._known(self.app) if self.app else self.api.get("/v1/resolve", path=os.path.abspath(path))
        return Deploy(known["app"], self.environment or _only(known["app"], known["environments"], first))

    def app_name(self) -> str:
        """`-a`, or the app of the current directory."""
        return self.app or str(self.api.get("/v1/resolve", path=os.path.abspath("."))["app"])

    def _known(self, name: str) -> dict[str, Any]:
        apps = {one["app"]: one for one in self.api.get("/v1/apps")}
        if name not in apps:
            remedy = f"one of: {', '.join(sorted(apps))}" if apps else "deploy one first: tolv up PATH"
            raise UsageError(f"there is no app named {name}", remedy=remedy)
        return {"app": name, "environments": [one["environment"] for one in apps[name]["environments"]]}


def _only(app: str, environments: list[str], first: str | None) -> str:
    if len(environments) == 1:
        return environments[0]
    if environments:
        raise UsageError(
            f"{app} has several environments: {', '.join(sorted(environments))}", remedy="name one with -e ENVIRONMENT"
        )
    if first is None:
        raise UsageError(f"{app} is not deployed anywhere yet", remedy="tolv up PATH, or tolv deploy PATH -e prod")
    return first


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(ctx: click.Context, _: click.Parameter, value: Any) -> None:
        if value:
            setattr(ctx.ensure_object(Call), name, value)
        else:
            ctx.ensure_object(Call)

    return callback


def common_options(function: F) -> F:
    """`--json` and `--debug`."""
    for flag, name, text in (
        ("--debug", "debug", "Show the traceback of an error."),
        ("--json", "json", "Print JSON, for scripts."),
    ):
        option = click.option(flag, is_flag=True, expose_value=False, callback=_keep(name), help=text)
        function = option(function)
    return function


def app_option(function: F) -> F:
    """`-a`."""
    text = "The app. Default: that of the current directory."
    return click.option("-a", "--app", metavar="APP", expose_value=False, callback=_keep("app"), help=text)(function)


def deploy_options(function: F) -> F:
    """`-a` and `-e`."""
    text = "The environment. Default: the only one; dev for `tolv up`."
    option = click.option(
        "-e", "--environment", metavar="ENV", expose_value=False, callback=_keep("environment"), help=text
    )
    return app_option(option(function))


pass_call = click.make_pass_decorator(Call, ensure=True)


def is_interactive() -> bool:
    """A person is at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()
