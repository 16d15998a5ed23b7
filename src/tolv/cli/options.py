"""The options that every command has, and what they add up to: one `Call`.

`-a`, `-e`, `--json` and `--debug` are accepted before and after the command's name; the last one wins.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tolv.cli.output import Console
from tolv.errors import UsageError
from tolv.names import check_name

if TYPE_CHECKING:
    from tolv.cli.client import Api, Outcome

F = TypeVar("F", bound=Callable[..., Any])

GOES_ON = "interrupted; the server goes on with it: `tolv ps` shows where things stand"

#: Where a person says which runtime to build with. It holds for one command, so no server is started with it.
OVERRIDES = {"python": "TOLV_PYTHON", "node": "TOLV_NODE"}


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
        self.no_auto_rollback = False
        self.wait = False

    @cached_property
    def console(self) -> Console:
        return Console(as_json=self.json)

    @cached_property
    def api(self) -> Api:
        from tolv.cli.client import Api
        from tolv.home import current_home

        return Api(current_home(), announce=self.console.note)

    def act(
        self, method: str, path: str, body: Any, *, start: bool = True, if_interrupted: str = GOES_ON, **query: Any
    ) -> Outcome:
        """Have the server do something, and show how it gets on. `if_interrupted` is what ^C is answered with."""
        try:
            return self.api.act(method, path, body, self.console.progress, start=start, **query)
        except KeyboardInterrupt:
            self.console.settle()
            self.console.note(if_interrupted)
            raise
        finally:
            self.console.settle()

    @property
    def runtimes(self) -> dict[str, str]:
        """By language, the version that the operator takes whatever the app asks for: `TOLV_PYTHON=3.13 tolv up`."""
        asked = {language: os.environ.get(name) for language, name in OVERRIDES.items()}
        return {language: version for language, version in asked.items() if version}

    @property
    def watching(self) -> dict[str, bool]:
        """What a request that makes a release says of its bake window."""
        return {"auto_rollback": not self.no_auto_rollback, "wait": self.wait}

    @property
    def by(self) -> str:
        """Who asks: login name at host, as a release keeps it."""
        import pwd

        try:
            name = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            name = str(os.getuid())
        return f"{os.environ.get('SUDO_USER') or name}@{os.uname().nodename}"

    def deploy(self, path: str = ".") -> Deploy:
        """The deploy that is meant: `-a` or the app at `path`; `-e` or its only environment.

        Raises `UsageError` where that leaves a choice.
        """
        if self.app and self.environment:
            return Deploy(self.app, self.environment)
        app, environments = self._named() if self.app else self._at(path)
        return Deploy(app, self.environment or _only(app, environments))

    def target(self, path: str) -> str:
        """The environment that the app at `path` is deployed to: `-e`, or its only one, or `dev` when it has none."""
        if self.environment:
            return self.environment
        if self.app:
            environments = self._apps().get(self.app, [])
        else:
            environments = self.api.get("/v1/resolve", path=os.path.abspath(path))["environments"]
        return _only(self.app or "this app", environments) if environments else "dev"

    def warn_of_port(self) -> None:
        """Say so when TOLV_PORT is not where the running server routes: it counts when the server is started."""
        import json

        wanted = os.environ.get("TOLV_PORT")
        try:
            port = json.loads(self.api.home.server_state.read_bytes())["port"]
        except (OSError, ValueError, KeyError, TypeError):
            return
        if wanted and wanted != str(port):
            self.console.note(f"the server routes on port {port}; TOLV_PORT={wanted} counts after `tolv server stop`")

    def app_name(self) -> str:
        """`-a`, or the app of the current directory."""
        return self.app or self._at(".")[0]

    def _at(self, path: str) -> tuple[str, list[str]]:
        found = self.api.get("/v1/resolve", path=os.path.abspath(path))
        if not found["app"]:
            remedy = "go to the app's directory, or name it with -a; `tolv apps` lists them"
            raise UsageError("there is no app here", where=os.path.abspath(path), remedy=remedy)
        return found["app"], found["environments"]

    def _named(self) -> tuple[str, list[str]]:
        assert self.app is not None
        apps = self._apps()
        if self.app not in apps:
            from difflib import get_close_matches

            close = get_close_matches(self.app, apps, n=1)
            hint = f", did you mean {close[0]}?" if close else ""
            remedy = f"one of: {', '.join(sorted(apps))}" if apps else "deploy one first: tolv up PATH"
            raise UsageError(f"there is no app named {self.app}{hint}", remedy=remedy)
        return self.app, apps[self.app]

    def _apps(self) -> dict[str, list[str]]:
        listed = self.api.get("/v1/apps")
        return {one["app"]: [deploy["environment"] for deploy in one["environments"]] for one in listed}


def _only(app: str, environments: list[str]) -> str:
    if len(environments) == 1:
        return environments[0]
    if environments:
        names = ", ".join(sorted(environments))
        raise UsageError(f"{app} has several environments: {names}", remedy="name one with -e ENVIRONMENT")
    remedy = "name one with -e ENVIRONMENT, or deploy it first: tolv up PATH"
    raise UsageError(f"{app} is not deployed anywhere yet", remedy=remedy)


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(ctx: click.Context, _: click.Parameter, value: Any) -> None:
        call = ctx.ensure_object(Call)
        if name in ("app", "environment") and value is not None:
            check_name(name, value)
        if value:
            setattr(call, name, value)

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


def rollout_options(function: F) -> F:
    """`--wait` and `--no-auto-rollback`, of commands that make a release; what is said lands in `Call.watching`."""
    for flag, name, text in (
        ("--no-auto-rollback", "no_auto_rollback", "Keep the release even if it fails while it is watched."),
        ("--wait", "wait", "Return once it was watched; exit status 1 if it failed."),
    ):
        option = click.option(flag, name, is_flag=True, expose_value=False, callback=_keep(name), help=text)
        function = option(function)
    return function


def given(value: str | None) -> str | None:
    """A value that may be a secret: `-` reads it from standard input, so that no list of processes shows it."""
    return sys.stdin.readline().strip() if value == "-" else value


pass_call = click.make_pass_decorator(Call, ensure=True)


def is_interactive() -> bool:
    """A person is at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()
