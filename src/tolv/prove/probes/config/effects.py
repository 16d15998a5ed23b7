"""III-P2: whether each documented variable has an effect."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from tolv.codebase.model import Variable
from tolv.prove.harness.collector import Collector
from tolv.prove.harness.instance import Instance, NotReady
from tolv.prove.harness.recording import Recording
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import CannotProve, Mutation, cannot_prove, not_applicable, probe, proved, refuted
from tolv.prove.probes._roaming import documented, is_secret, names_in, output, roam, settle, show_end, signs
from tolv.prove.probes._sessions import SignedIn, another_deploy, is_known, sign_in
from tolv.prove.probes.config.shadow import Literal, find_literals, replace_literals
from tolv.prove.recipes import EXAMPLES
from tolv.prove.traffic import fresh

#: Starts with values that may not fit, and secrets that are tried one by one.
_TRIES, _SECRETS = 6, 3
#: Seconds that a process without a port has for connecting to its services.
_CONNECTS = 10.0
#: Types of which a text is no value.
_TYPED = frozenset({"int", "number", "port", "bool", "path", "json"})


@dataclass(slots=True)
class _Tried:
    """What is known of the variables so far."""

    collector: Collector
    tokens: dict[str, str] = field(default_factory=dict)
    """What each variable was set to, or what stands in it: found again, it has had an effect."""
    seen: dict[str, str] = field(default_factory=dict)
    """Where each effect was seen."""
    open: list[str] = field(default_factory=list)
    """Variables of which none was seen."""

    def note(self, trial: Trial, name: str, where: str) -> None:
        if name in self.open:
            self.open.remove(name)
            self.seen[name] = where
            trial.saw("saw", f"{name}: {where}")


@probe(
    "III-P2",
    title="each variable has an effect",
    tier=1,
    needs=("web",),
    does="Sets every documented variable to a value of its own that occurs nowhere else, or to one that does not fit, "
    "sends traffic, and looks for it in answers, logs, connections and refusals. A secret is changed, to see whether "
    "sessions made with the old one still hold.",
    proved="Each of them has an effect that can be seen from outside.",
    refuted="What the environment says is ignored: the app uses a value that stands in a file of its code instead.",
    fix="Let the environment win: read the variable from it, and keep no value of it in a file of the release.",
    rules=("III-06", "III-11"),
    mutation=Mutation(
        "has a file that beats the environment",
        {
            "config.py": (
                (
                    'TITLE = os.environ.get("TITLE", "Notes")',
                    '_lines = open("settings.ini").read().splitlines()\n'
                    '_settings = dict(line.split("=", 1) for line in _lines if line)\n'
                    'TITLE = _settings["TITLE"]',
                ),
            )
        },
        add={"settings.ini": "TITLE=House notes\n"},
    ),
)
async def each_has_effect(trial: Trial) -> Outcome:
    names = [name for name in documented(trial) if name != "PORT"]
    if not names:
        return not_applicable("it documents no variable")
    tried = _Tried(await Collector.open(trial.network), open=list(names))
    first, signed = await _visible(trial, tried)
    if first is not None:
        await _others(trial, tried)
    await _misfits(trial, tried)
    stale = await _secrets(trial, tried, signed)
    if stale is not None:
        return stale
    shadowed = await _shadowed(trial, tried) if tried.open else None
    if shadowed is not None:
        return shadowed
    if tried.open:
        add = [EXAMPLES[one] for one in ("read", "write", "login", "whoami", "outbound") if not _has(trial, one)]
        more = f"; of the other {len(tried.seen)} one was" if tried.seen else ""
        return cannot_prove(f"no effect was seen of {', '.join(tried.open)}{more}", *add)
    return proved(f"{len(tried.seen)} of {len(names)}: {', '.join(tried.seen)}")


async def _visible(trial: Trial, tried: _Tried) -> tuple[Instance | None, SignedIn | None]:
    """Start it with values that can be found again, and look for them. The instance, ended; and a session of it."""
    await trial.backing.attach()
    variables = {one.name: one for one in trial.subject.build.variables}
    env = {name: value for name in tried.open if (value := _visible_value(trial, tried, name, variables.get(name)))}
    for _ in range(_TRIES):
        instance = await trial.start(env=env, ready=False)
        trial.saw("start", f"with {', '.join(f'{name}={env[name]}' for name in env) or 'its defaults'}", instance.name)
        if await settle(instance) == "ready":
            break
        named = [*names_in(output(instance), env), *(name for name in env if tried.tokens[name] in output(instance))]
        for name in dict.fromkeys(named):
            tried.note(trial, name, f"with {env[name]} it does not start, and says so")
        env = {name: value for name, value in env.items() if name not in named} if named else {}
        await instance.kill()
    else:
        return None, None
    recording = await roam(trial, instance)
    signed = None
    if _has(trial, "login") and _has(trial, "whoami"):
        with contextlib.suppress(CannotProve):
            signed = await sign_in(trial, instance)
    await instance.stop()  # what it has in hand for others is sent by then
    await _look(trial, tried, instance, recording)
    return instance, signed


def _visible_value(trial: Trial, tried: _Tried, name: str, variable: Variable | None) -> str | None:
    """A value to be found again; None: it stays as it is."""
    if variable is None or name in trial.backing.env:
        return None
    token = tried.tokens[name] = fresh()
    current = trial.config.get(name, variable.default or variable.example or "")
    if is_secret(variable):
        tried.tokens[name] = trial.config.get(name) or token
        return None if name in trial.config else token
    if variable.type == "url" or current.startswith(("http://", "https://")):
        return f"{tried.collector.url}/{token}"
    if variable.type == "email":
        return f"{token}@example.org"
    if variable.choices or variable.type in _TYPED or "://" in current:
        return None
    return token


async def _look(trial: Trial, tried: _Tried, instance: Instance, recording: Recording | None) -> None:
    """Find what has had an effect."""
    for service in trial.backing.services:
        if service.cable.connections:
            for name in service.env:
                tried.note(trial, name, f"{instance.name} connects to 127.0.0.1:{service.port}, where it leads")
    said, wanted = output(instance), await trial.network.seen() or []
    for name in list(tried.open):
        token = tried.tokens.get(name, "")
        if len(token) < 6:
            continue
        if recording is not None and (found := recording.holding([token])):
            tried.note(trial, name, f"{token} is in the answer to {found[0][0]}")
        elif tried.collector.holds(token):
            tried.note(trial, name, f"{token} came to 127.0.0.1:{tried.collector.port}, which the app was told of")
        elif token in said:
            tried.note(trial, name, f"{token} is in its log")
        elif any(one.name and token.lower() in one.name.lower() for one in wanted):
            tried.note(trial, name, f"it asked for the name {token}")


async def _others(trial: Trial, tried: _Tried) -> None:
    """What only processes other than web make use of."""
    services = {name for one in trial.backing.services for name in one.env}
    for type_ in trial.subject.others[:2]:
        if not services & set(tried.open):
            return
        with contextlib.suppress(NotReady):
            other = await trial.start(type_.name)
            for _ in range(int(_CONNECTS / 0.5)):
                if all(one.cable.connections for one in trial.backing.services) or await other.exited(0.5):
                    break
            await other.kill()
            await _look(trial, tried, other, None)


async def _misfits(trial: Trial, tried: _Tried) -> None:
    """Values that do not fit: an app that makes use of one says so, or does not start."""
    variables = {one.name: one for one in trial.subject.build.variables}
    left = [name for name in tried.open if name in variables and not is_secret(variables[name])]
    left = [name for name in left if variables[name].choices or variables[name].type in _TYPED]
    alone = False
    for _ in range(_TRIES):
        if not left:
            return
        chosen = left[:1] if alone else left
        env = {name: "/nonexistent/" * (variables[name].type == "path") + fresh() for name in chosen}
        instance = await trial.start(env=env, ready=False)
        trial.saw("start", f"with {', '.join(f'{name}={value}' for name, value in env.items())}", instance.name)
        became = await settle(instance)
        await instance.kill()
        said = output(instance)
        named = [name for name in chosen if env[name] in said or (became != "ready" and names_in(said, [name]))]
        if became != "ready" and not named and len(chosen) == 1:
            named = chosen
        for name in named:
            what = "it says so" if became == "ready" else "it does not start"
            tried.note(trial, name, f"with {env[name]} {what}")
        show_end(trial, instance, [env[name] for name in named] if named else ())
        if named:
            left = [name for name in left if name not in named]
        elif became != "ready" and not alone:
            alone = True
        elif alone:
            left = left[1:]
        else:
            return


async def _secrets(trial: Trial, tried: _Tried, signed: SignedIn | None) -> Outcome | None:
    """Secrets that sessions are signed with: with another one, what was signed before is void."""
    variables = {one.name: one for one in trial.subject.build.variables}
    left = [name for name in tried.open if name in variables and is_secret(variables[name])]
    if not left or signed is None:
        return None
    same = await trial.start(env={name: tried.tokens[name] for name in left})
    if not await is_known(trial, same, signed):
        return None  # its sessions do not last: they cannot tell
    trial.saw("saw", f"{same.name}, with the same secrets, takes the session of the first", same.name)
    await same.kill()
    held = []
    for name in left[:_SECRETS]:
        other = await trial.start(env={name: secrets.token_urlsafe(32)})
        if await is_known(trial, other, signed):
            held.append(name)
        else:
            tried.note(trial, name, "with another value a session that was signed before is void")
        await other.kill()
    if len(held) < len(left[:_SECRETS]) or not any(signs(name) for name in held):
        return None
    return await _signed_elsewhere(trial, held, signed)


async def _signed_elsewhere(trial: Trial, names: list[str], signed: SignedIn) -> Outcome | None:
    """Whether even a deploy with other secrets and other services takes the session."""
    try:
        services = await another_deploy(trial)
    except CannotProve:
        return None
    env: dict[str, str | None] = {name: secrets.token_urlsafe(32) for name in names}
    other = await trial.start(env={**services, **env})
    await trial.traffic.login(other)
    if not await is_known(trial, other, signed):
        return None
    return refuted(
        f"{', '.join(names)} has no say: a deploy with another one, and another database, takes a session of the first"
    )


async def _shadowed(trial: Trial, tried: _Tried) -> Outcome | None:
    """Whether a value in a file of the release has the effect that the environment does not have: it is replaced in a
    copy of the release by a mark, and looked for."""
    names = [name for name in tried.open if name not in trial.backing.env]
    literals = find_literals(Path(trial.subject.runnable.directory), names)
    if not literals:
        return None
    given = {name: tried.tokens.get(name) or fresh() for name in names}
    marks = {one.name: fresh() for one in literals}
    url = {one.name for one in literals if tried.tokens.get(one.name) and _is_url(trial, one)}
    values = {name: f"{tried.collector.url}/{mark}" if name in url else mark for name, mark in marks.items()}
    runnable = await trial.edited(lambda root: replace_literals(root, literals, values))
    for one in literals:
        trial.saw("file", f"{one} now says {values[one.name]} for {one.name}; the environment says {given[one.name]}")
    env = {name: f"{tried.collector.url}/{given[name]}" if name in url else given[name] for name in marks}
    instance = await trial.start(env=env, runnable=runnable, ready=False)
    if await settle(instance) != "ready":
        return None
    recording = await roam(trial, instance)
    await instance.stop()
    said = output(instance)
    for name, mark in marks.items():
        found = recording.holding([mark])
        place = f"the answer to {found[0][0]}" if found else "its log" if mark in said else ""
        if not place and tried.collector.holds(mark):
            place = "what it sends to others"
        if place and not (recording.holding([given[name]]) or given[name] in said):
            where = ", ".join(str(one) for one in literals if one.name == name)
            trial.saw("answer" if found else "log", f"{mark} is in {place}, {given[name]} is not", instance.name)
            return refuted(f"{name} of the environment is ignored: {where} beats it, as {place} shows")
    return None


def _is_url(trial: Trial, literal: Literal) -> bool:
    text = (Path(trial.subject.runnable.directory) / literal.path).read_text(encoding="utf-8")
    return text[literal.start : literal.end].startswith(("http://", "https://"))


def _has(trial: Trial, recipe: str) -> bool:
    return trial.subject.recipes.has(recipe)
