"""What several probes do with an app: start it and see what becomes of it, ask it for all that is known of it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Awaitable, Iterable
from typing import Any, Literal

from tolv.codebase.model import Variable
from tolv.prove.client import NoAnswer
from tolv.prove.harness.instance import Instance, NotReady
from tolv.prove.harness.recording import Recording
from tolv.prove.harness.trial import Trial
from tolv.prove.probe import CannotProve
from tolv.prove.traffic import fresh

#: Words of a name whose value is a secret.
_SECRET = re.compile(
    r"(?i)(?:^|_)(?:secret|secrets|token|password|passwd|passphrase|salt|pepper|credentials?"
    r"|(?:api|secret|private|signing|encryption|access|master|app|jwt|session|cookie|auth)_?key(?:_base)?)(?:_\d+)?$"
    r"|^(?:SECRET|JWT_SECRET|SESSION_SECRET)"
)
#: Names whose value signs sessions.
_SIGNS = re.compile(r"(?i)(?:^|_)(?:secret_?key|app_?key|jwt|session|cookie|sign|signing|secret)(?:_|$)")
#: Ends of names that only speak of a secret.
_ABOUT = re.compile(r"(?i)_(?:url|uri|file|path|name|header|field|ttl|expiry|lifetime|length|id|algorithm)$")


async def settle(instance: Instance, seconds: float = 30.0) -> Literal["ready", "ended", "neither"]:
    """What becomes of an instance that was started; of one that has ended all output is there."""
    try:
        await instance.ready(seconds)
        return "ready"
    except NotReady:
        if instance.alive:
            return "neither"
    await instance.kill()
    return "ended"


def output(instance: Instance) -> str:
    """All that it has written."""
    return "\n".join(one.text for one in instance.lines())


def names_in(text: str, names: Iterable[str]) -> list[str]:
    """Those of the names that the text has as words; one without an underscore (`DEBUG`) as a variable's. A library may
    write a name in lower case (`secret_key`): that counts where it has a line of its own."""
    return [name for name in names if re.search(_word(name), text) or re.search(_field(name), text)]


def _field(name: str) -> str:
    """How a library that reads config into fields names one that is missing: alone on its line, or before a colon."""
    return rf"(?m)^\s*{re.escape(name.lower())}\s*(?:$|:)" if "_" in name else r"(?!)"


def _word(name: str) -> str:
    word = rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])"
    if "_" in name:
        return word
    return rf"['\"`${{]{word}|{word}(?:=| is | must | not |: )"


def show_end(trial: Trial, instance: Instance, words: Iterable[str] = (), lines: int = 3) -> None:
    """Note the last lines of its output; those with one of the words, if there are any."""
    words = tuple(words)
    found = [one for one in instance.lines() if any(word in one.text for word in words)]
    for one in (found or instance.lines())[-lines:]:
        trial.saw("log", one.text[:300], instance.name)


def is_secret(variable: Variable) -> bool:
    """Whether its value is a secret: it says so, or its name does."""
    return variable.secret or is_secret_name(variable.name)


def is_secret_name(name: str) -> bool:
    return bool(_SECRET.search(name)) and not _ABOUT.search(name)


def signs(name: str) -> bool:
    """Whether a secret of that name is one that sessions are signed with."""
    return bool(_SIGNS.search(name))


def documented(trial: Trial) -> tuple[str, ...]:
    """The names that the app's template and `tolv.toml` tell."""
    subject = trial.subject
    return tuple(
        dict.fromkeys(
            [*(one.name for one in subject.build.variables), *(name for one in subject.needs for name, _ in one.env)]
        )
    )


async def roam(trial: Trial, instance: Instance) -> Recording:
    """Ask an instance for all that `[prove]` names, its health and what does not exist. Gives all answers."""
    recording = instance.client if isinstance(instance.client, Recording) else Recording(instance)
    traffic, recipes = trial.traffic, trial.subject.recipes
    for recipe in ("read", "health", "ready", "version", "outbound"):
        if recipes.has(recipe):
            await _whatever(traffic.ask(instance, recipe))
    if recipes.write:
        written = await _whatever(traffic.write(instance))
        if written is not None and recipes.read_back:
            await _whatever(traffic.read_back(instance, written))
    if recipes.job:
        await _whatever(traffic.job(instance))
    if recipes.login:
        session = await _whatever(traffic.login(instance))
        if session is not None and recipes.whoami:
            await _whatever(traffic.whoami(instance, session))
    for path in dict.fromkeys(("/", instance.made.health, f"/{fresh()}")):
        answer = await _whatever(recording.request("GET", path))
        if answer is not None:
            trial.saw("answer", f"GET {path} -> {answer}", instance.name)
    return recording


async def _whatever(work: Awaitable[Any]) -> Any:
    with contextlib.suppress(CannotProve, NoAnswer):
        return await work
    return None
