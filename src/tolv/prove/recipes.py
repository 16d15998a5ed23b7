"""`[prove]` of `tolv.toml`: what an app can be asked to do, so that it can be seen doing it.

A recipe is one request or several, the steps of one session:

    read = "GET /"
    write = 'POST /notes {"text": "{token}"}'
    login = ["GET /login", "POST /login user=a&password=b&csrf={csrf}"]
    upload = {request = "POST /files", file = "attachment", status = 201}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from tolv.codebase.tables import Reader, as_text, list_of, named, read_table, table_of, value_of
from tolv.config.names import check_variable
from tolv.errors import UsageError
from tolv.prove.patience import DEFAULT, Patience, read_patience
from tolv.prove.steps import LOGIN, Steps, matching, read_headers, read_path, read_steps, text

#: What to write in `[prove]`, by key: an example of each.
EXAMPLES = {
    "read": 'read = "GET /"',
    "health": 'health = "GET /healthz"',
    "ready": 'ready = "GET /readyz"',
    "write": """write = 'POST /notes {"text": "{token}"}'""",
    "read_back": 'read_back = "GET /notes/{id}"',
    "slow": 'slow = "GET /slow"',
    "upload": 'upload = "PUT /files/{name}"',
    "download": 'download = "GET /files/{name}"',
    "login": """login = 'POST /login {"user": "a", "password": "b"}'""",
    "whoami": 'whoami = "GET /me"',
    "job": """job = 'POST /jobs {"n": "{token}"}'""",
    "job_done": 'job_done = "GET /jobs/{id}"',
    "scheduled": 'scheduled = "GET /reports/count"',
    "one_off": 'one_off = "python manage.py check"',
    "spec": 'spec = "/openapi.json"',
    "outbound": 'outbound = "GET /weather"',
    "version": 'version = "GET /version"',
    "prepare": 'prepare = "python manage.py migrate"',
}


@dataclass(frozen=True, slots=True)
class Expected:
    """One of `expect`: a probe that the team knows to be refuted."""

    probe: str
    """Its id, `VI-P2`."""
    reason: str


@dataclass(frozen=True, slots=True)
class Recipes:
    """`[prove]`, validated. A recipe without steps is not given."""

    read: Steps = ()
    """Reads something that is always there."""
    health: Steps = ()
    """Says that the process lives."""
    ready: Steps = ()
    """Says that it can do its work."""
    write: Steps = ()
    """Makes an item that holds `{token}`."""
    read_back: Steps = ()
    """Reads the item that `write` made."""
    slow: Steps = ()
    """Is answered after a second or more."""
    upload: Steps = ()
    download: Steps = ()
    login: Steps = ()
    whoami: Steps = ()
    """Says who is logged in."""
    job: Steps = ()
    """Hands a job to the workers."""
    job_done: Steps = ()
    """Says whether the job is done."""
    scheduled: Steps = ()
    """Says how often a schedule has run: a number."""
    outbound: Steps = ()
    """Makes the app ask another service."""
    version: Steps = ()
    """Says which commit or build runs."""
    one_off: str | None = None
    """A command of the app's own that changes nothing."""
    prepare: str | None = None
    """The command that brings a new database to what the app needs; None: its release command."""
    spec: str | None = None
    """The API's description: a route that begins with `/`, or a file of the code."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Config that the app is proved with, beside what its services set."""
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with every request."""
    expect: tuple[Expected, ...] = ()
    declared_writable: tuple[str, ...] = ()
    """Paths of the app's directory that it may write to, and lose."""
    patience: Patience = DEFAULT
    """How long is waited for what the app does in its own time."""

    def steps(self, name: str) -> Steps:
        """The steps of a recipe by its key."""
        found: Steps = getattr(self, name)
        return found

    @property
    def all_steps(self) -> Steps:
        """The steps of all recipes."""
        return tuple(step for name in _names() for step in self.steps(name))

    def has(self, name: str) -> bool:
        """Whether the key is given."""
        return bool(getattr(self, name))

    def without(self, name: str) -> Recipes:
        """The same but for a recipe, and what goes on from it."""
        gone = {name, *(after for after, first in FOLLOWS.items() if first == name)}
        return replace(self, **dict.fromkeys(gone, ()))  # type: ignore[arg-type]

    def expected(self, probe: str) -> str | None:
        """Why the team expects the probe to be refuted; None: it does not."""
        return next((one.reason for one in self.expect if one.probe == probe), None)


def read_recipes(raw: Mapping[str, Any], where: str = "tolv.toml") -> Recipes:
    """The recipes of a `[prove]` section as TOML has it.

    Raises `UsageError`, one clear one, for an unknown key, a request that cannot be understood, and a placeholder that
    nothing can fill.
    """
    values = read_table(_KEYS, dict(raw), "prove", where)
    recipes = Recipes(**values)
    recipes = replace(recipes, login=tuple(replace(step, follow=True) for step in recipes.login))
    return _checked(_with_login(recipes, where), where)


#: Recipes that go on from another: they know its fields, and mean nothing without it.
FOLLOWS = {"read_back": "write", "download": "upload", "whoami": "login", "job_done": "job"}
#: What is known before the first answer.
_GIVEN = {"upload": ("token", "name")}
_TOKEN = ("token",)


def _names() -> Iterator[str]:
    return (one.name for one in fields(Recipes) if one.type == "Steps")


def _with_login(recipes: Recipes, where: str) -> Recipes:
    """The recipes with `login` replaced by its steps where it stands for them."""
    if LOGIN.path in (step.path for step in recipes.login):
        raise UsageError("prove.login names itself", where=where, remedy="write its requests there")
    for name in _names():
        steps = recipes.steps(name)
        if any(step.path == LOGIN.path for step in steps) and not recipes.login:
            remedy = f"add to [prove]: {EXAMPLES['login']}"
            raise UsageError(f"prove.{name} begins with login, and there is none", where=where, remedy=remedy)
        expanded = tuple(one for step in steps for one in (recipes.login if step.path == LOGIN.path else (step,)))
        recipes = replace(recipes, **{name: expanded})  # type: ignore[arg-type]
    return recipes


def _checked(recipes: Recipes, where: str) -> Recipes:
    for name, first in FOLLOWS.items():
        if recipes.has(name) and not recipes.has(first):
            raise UsageError(
                f"prove.{name} has nothing to go on from: there is no {first}",
                where=where,
                remedy=f"add to [prove]: {EXAMPLES[first]}",
            )
    for name in _names():
        steps = recipes.steps(name)
        if any(step.file for step in (steps[:-1] if name == "upload" else steps)):
            remedy = "only the last request of upload sends a file"
            raise UsageError(f"prove.{name} names a file", where=where, remedy=remedy)
        if name in FOLLOWS or not steps:
            continue
        known = _GIVEN.get(name, _TOKEN)
        unknown = [one for one in steps[0].placeholders if one not in known]
        if unknown:
            raise UsageError(
                f"prove.{name} names {{{unknown[0]}}}, which nothing before it can fill",
                where=where,
                remedy=f"a first request knows only {', '.join(f'{{{one}}}' for one in known)}",
            )
    return recipes


def _env(value: Any, key: str, where: str) -> dict[str, str]:
    read = named(
        re.compile(r".+", re.DOTALL), "", value_of("a text", lambda one: one if isinstance(one, str) else None)
    )
    found: dict[str, str] = read(value, key, where)
    for name, one in found.items():
        try:
            check_variable(name, one)
        except UsageError as error:
            raise UsageError(f"{key}: {error.problem}", where=where, remedy=error.remedy) from None
    return found


def _spec(value: Any, key: str, where: str) -> str:
    """A route may be written as the request that it is, too."""
    found: str = text(value, key, where)
    return found.removeprefix("GET ").strip()


def _as_inner(value: Any) -> str | None:
    """A path below the app's directory."""
    path = as_text(value)
    return path if path and not path.startswith("/") and ".." not in path.split("/") else None


_EXPECTED: dict[str, Reader] = {
    "probe": value_of('the id of a probe, such as "VI-P2"', matching(r"[A-Z]{1,4}-P[0-9]{1,2}")),
    "reason": text,
}
_KEYS: dict[str, Reader] = {
    **dict.fromkeys(_names(), read_steps),
    "health": read_path,
    "ready": read_path,
    "one_off": text,
    "prepare": text,
    "spec": _spec,
    "env": _env,
    "headers": read_headers,
    "expect": list_of(
        'a list of tables, such as [{probe = "VI-P2", reason = "…"}]',
        table_of(_EXPECTED, Expected, "probe", "reason"),
    ),
    "declared_writable": list_of(
        'a list of paths, such as ["var/cache"]', value_of("a path below the app's directory", _as_inner)
    ),
    "patience": read_patience,
}
