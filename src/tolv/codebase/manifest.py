"""`tolv.toml`: what an app says about itself that its Procfile cannot. All of it is optional.

Each table of the file is a table of this module: its keys, and for each the function that reads its value. An unknown
key or a value of another type is an error, never skipped.
"""

from __future__ import annotations

import re
import signal
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tolv.codebase.model import PRODUCTION, Rollout, RolloutPolicy, ServiceNeed, SignalScope
from tolv.codebase.services import PLACEHOLDERS, need, own_variable, unknown_placeholder
from tolv.codebase.tables import Reader, as_table, as_text, described, list_of, named, read_table, table_of, value_of
from tolv.codebase.text import read_text
from tolv.config.names import check_variable
from tolv.errors import UsageError
from tolv.names import NAME, NAME_RULE

PROCESS_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """`[processes.<type>]`; None: not said. The meaning of each is that of `ProcessType`."""

    command: str | None = None
    health: str | None = None
    health_interval: float | None = None
    health_timeout: float | None = None
    health_failures: int | None = None
    rollout: Rollout | None = None
    start_deadline: float | None = None
    grace: float | None = None
    drain: float | None = None
    response_timeout: float | None = None
    stop_signal: str | None = None
    stop_scope: SignalScope | None = None
    memory: int | None = None
    cpu: float | None = None
    processes: int | None = None
    open_files: int | None = None
    tmp: int | None = None
    quantity: int | None = None
    """How many run on a first deploy."""


@dataclass(frozen=True, slots=True)
class ReleaseSettings:
    """`[release]`: the release phase."""

    command: str | None = None
    timeout: float | None = None
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """One of `[check] ignore`: findings that somebody answers for."""

    rule: str
    """A rule's id, `III-05`, or a factor's label, `III`."""
    reason: str
    path: str | None = None
    """A glob; None: everywhere."""


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """`[check]`: what `tolv check` looks for, and where."""

    select: tuple[str, ...] = ()
    """Ids of rules and labels of factors; empty: all."""
    ignore: tuple[Ignore, ...] = ()
    exclude: tuple[str, ...] = ()
    """Globs of what is not read."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A `tolv.toml`, validated; the empty one stands for a file that is not there."""

    name: str | None = None
    apps: Mapping[str, str] = field(default_factory=dict)
    """Of a monorepo: each app's root, relative to the file."""
    processes: Mapping[str, ProcessSettings] = field(default_factory=dict)
    release: ReleaseSettings = field(default_factory=ReleaseSettings)
    rollout: RolloutPolicy = field(default_factory=RolloutPolicy)
    build: Mapping[str, Any] = field(default_factory=dict)
    """`python`, `node`, `command`: text; `exclude`: a list of globs."""
    services: tuple[ServiceNeed, ...] = ()
    """In the order of the file."""
    production: str = PRODUCTION
    """`[parity]`: the environment that counts as production."""
    check: CheckSettings = field(default_factory=CheckSettings)
    prove: Mapping[str, Any] = field(default_factory=dict)
    """As written; `tolv prove` reads it."""


def read_manifest(path: Path) -> Manifest:
    """The manifest at `path`, or an empty one if there is no such file.

    Raises `UsageError` for TOML that cannot be parsed (with the line), an unknown key (with the nearest known one) and
    a value that its key does not take (with what it takes).
    """
    text = read_text(path)
    if text is None:
        return Manifest()
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(path, str(error), text) from None
    values = read_table(_FILE, data, "", path.name)
    roots = {name: app["root"] for name, app in values.pop("apps", {}).items()}
    values |= values.pop("parity", {})
    return Manifest(apps=roots, **values)


def _variables(value: Any, key: str, where: str) -> dict[str, str]:
    """The variables that a service sets, each with its text: one name for the URL, or a table."""
    if isinstance(value, str):
        value = {value: "{url}"}
    if not isinstance(value, dict) or not value:
        wanted = 'the name of a variable, or a table such as {PGHOST = "{host}", PGPORT = "{port}"}'
        problem = f"{key} must be {wanted}, not {described(value)}"
        raise UsageError(problem, where=where, remedy=f"change {key} in {where}, or remove it")
    texts = {name: _text(text, f"{key}.{name}", where) for name, text in value.items()}
    for name, text in texts.items():
        try:
            check_variable(name, text)
        except UsageError as error:
            raise UsageError(f"{key}: {error.problem}", where=where, remedy=error.remedy) from None
        unknown = unknown_placeholder(text)
        if unknown is not None:
            known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
            problem = f"{key}.{name} has an unknown placeholder: {unknown}"
            raise UsageError(problem, where=where, remedy=f"it knows: {known}")
    return texts


def _services(value: Any, key: str, where: str) -> tuple[ServiceNeed, ...]:
    """`[services]`: one need for each table; no two of them set the same variable."""
    tables = named(NAME, NAME_RULE, table_of(_SERVICE, dict, "kind"))(value, key, where)
    needs = tuple(need(name, **table) for name, table in tables.items())
    setters: dict[str, str] = {}
    for one in needs:
        for variable, _ in one.env:
            other = setters.setdefault(variable, one.name)
            if other != one.name:
                problem = f"services.{other} and services.{one.name} both set {variable}"
                remedy = f'give each a variable of its own, such as env = "{own_variable(one.name)}"'
                raise UsageError(problem, where=where, remedy=remedy)
    return needs


def _raw(value: Any, key: str, where: str) -> dict[str, Any]:
    return as_table(value, key, where)


def _matching(pattern: str) -> Callable[[Any], str | None]:
    return lambda value: value if isinstance(value, str) and re.fullmatch(pattern, value) else None


def _as_seconds(value: Any) -> float | None:
    number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else -1.0
    return number if 0 <= number <= _LONGEST else None


def _as_deadline(value: Any) -> float | None:
    return _as_seconds(value) or None


def _as_quantity(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100 else None


def _as_processors(value: Any) -> float | None:
    number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0
    return number if 0.01 <= number <= 1024 else None


def _as_count(least: int, most: int = 1_000_000) -> Callable[[Any], int | None]:
    return lambda value: value if type(value) is int and least <= value <= most else None


def _as_share(value: Any) -> float | None:
    number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else -1.0
    return number if 0 < number <= 1 else None


def _as_truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _as_signal(value: Any) -> str | None:
    name = "SIG" + value.removeprefix("SIG") if isinstance(value, str) else ""
    return name if name in signal.Signals.__members__ and name not in ("SIGSTOP", "SIGCONT", "SIGCHLD") else None


def _as_bytes(value: Any) -> int | None:
    match = re.fullmatch(r"([1-9][0-9]{0,9})([KMGT])(?:i?B)?", value) if isinstance(value, str) else None
    size = int(match[1]) << {"K": 10, "M": 20, "G": 30, "T": 40}[match[2]] if match else 0
    return size if _LEAST_MEMORY <= size < 1 << 63 else None


def _as_version(value: Any) -> str | None:
    text = str(value) if type(value) is int else value
    return text if isinstance(text, str) and re.fullmatch(r"[0-9][A-Za-z0-9.+-]{0,39}", text) else None


def _as_texts(value: Any) -> list[str] | None:
    return value if isinstance(value, list) and all(as_text(one) is not None for one in value) else None


def _one_of(*choices: str) -> Reader:
    wanted = " or ".join(f'"{one}"' for one in choices)
    return value_of(wanted, lambda value: value if isinstance(value, str) and value in choices else None)


#: Seconds that a duration may have: thirty days.
_LONGEST = 30 * 86400
#: Bytes below which no process of any language starts.
_LEAST_MEMORY = 4 << 20

_text = value_of("a text", as_text)
_seconds = value_of("a number of seconds", _as_seconds)
_deadline = value_of("a number of seconds above 0", _as_deadline)
_version = value_of('a version in quotes, such as "3.12"', _matching(r"[A-Za-z0-9.*+<>=!~^, -]{1,60}"))

_PROCESS: dict[str, Reader] = {
    "command": _text,
    "health": value_of('a path such as "/healthz"', _matching(r"/[!-~]*")),
    "health_interval": _deadline,
    "health_timeout": _deadline,
    "health_failures": value_of("a whole number from 1 to 100", _as_count(1, 100)),
    "rollout": _one_of("start-first", "stop-first"),
    "start_deadline": _deadline,
    "grace": _seconds,
    "drain": _seconds,
    "response_timeout": _deadline,
    "stop_signal": value_of('the name of a signal, such as "SIGTERM"', _as_signal),
    "stop_scope": _one_of("leader", "group"),
    "memory": value_of('a size of at least 4M in quotes, such as "512M" or "2G"', _as_bytes),
    "cpu": value_of("a number of processors from 0.01 to 1024, such as 0.5", _as_processors),
    "processes": value_of("a whole number from 1 to 1000000", _as_count(1)),
    "open_files": value_of("a whole number from 16 to 1000000", _as_count(16)),
    "tmp": value_of('a size of at least 4M in quotes, such as "64M"', _as_bytes),
    "quantity": value_of("a whole number from 0 to 100", _as_quantity),
}
_RELEASE: dict[str, Reader] = {"command": _text, "timeout": _deadline}
_ROLLOUT: dict[str, Reader] = {
    "bake": _seconds,
    "auto_rollback": value_of("true or false", _as_truth),
    "error_rate": value_of("a share above 0 and up to 1, such as 0.05", _as_share),
    "min_requests": value_of("a whole number from 1 to 1000000", _as_count(1)),
    "crashes": value_of("a whole number from 1 to 100", _as_count(1, 100)),
}
_BUILD: dict[str, Reader] = {
    "python": _version,
    "node": _version,
    "command": _text,
    "exclude": value_of('a list of globs, such as ["docs/**"]', _as_texts),
}
_SERVICE: dict[str, Reader] = {
    "kind": value_of('a kind of service, such as "postgres"', _matching(r"[a-z][a-z0-9-]{0,39}")),
    "version": value_of('a version in quotes, such as "16" or "16.4"', _as_version),
    "env": _variables,
    "required": value_of("true or false", _as_truth),
}
_PARITY: dict[str, Reader] = {"production": value_of(f"an environment's name ({NAME_RULE})", _matching(NAME.pattern))}
_RULE = value_of('a rule or a factor, such as "III-05" or "III"', _matching(r"[A-Z]{1,4}(-[0-9]{2})?"))
_GLOB = value_of('a glob, such as "legacy/**"', as_text)
_IGNORE: dict[str, Reader] = {"rule": _RULE, "path": _GLOB, "reason": _text}
_CHECK: dict[str, Reader] = {
    "select": list_of('a list of rules and factors, such as ["III", "VI-02"]', _RULE),
    "ignore": list_of(
        'a list of tables, such as [{rule = "III-05", path = "legacy/**", reason = "…"}]',
        table_of(_IGNORE, Ignore, "rule", "reason"),
    ),
    "exclude": list_of('a list of globs, such as ["legacy/**"]', _GLOB),
}
_APP: dict[str, Reader] = {"root": value_of('a directory below this file, such as "services/api"', as_text)}

PROCESS_NAME_RULE = "use letters, digits, - and _, 63 characters at most"

_FILE: dict[str, Reader] = {
    "name": value_of(f"an app's name ({NAME_RULE})", _matching(NAME.pattern)),
    "apps": named(NAME, NAME_RULE, table_of(_APP, dict, "root")),
    "processes": named(PROCESS_NAME, PROCESS_NAME_RULE, table_of(_PROCESS, ProcessSettings)),
    "release": table_of(_RELEASE, ReleaseSettings),
    "rollout": table_of(_ROLLOUT, RolloutPolicy),
    "build": table_of(_BUILD, dict),
    "services": _services,
    "parity": table_of(_PARITY, dict),
    "check": table_of(_CHECK, CheckSettings),
    "prove": _raw,
}


def _syntax_error(path: Path, message: str, text: str) -> UsageError:
    """tomllib says `… (at line 3, column 7)` or `… (at end of document)`."""
    place = re.search(r" \(at (?:line (\d+)|end of document).*\)$", message)
    line = place[1] if place and place[1] else text.count("\n") + 1
    said = message[: place.start()] if place else message
    return UsageError(
        f"{path.name} is not valid TOML: {said}",
        where=f"{path.name}:{line}",
        remedy="correct that line; see https://toml.io",
    )
