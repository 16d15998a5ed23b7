"""III-P1: what the app does where config is missing."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from tolv.prove.harness.instance import Instance
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import Mutation, advisory, cannot_prove, probe, proved, refuted
from tolv.prove.probes._roaming import documented, is_secret, is_secret_name, names_in, output, settle, show_end
from tolv.prove.probes._sessions import another_deploy, is_known, sign_in
from tolv.prove.recipes import EXAMPLES

#: Starts without secrets, each without fewer of them.
_TRIES = 4
#: A word that looks like the name of a variable.
_NAME = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9]\b")
#: Files of the app that are searched for such a word, and bytes of each.
_FILES, _BYTES = 2000, 1 << 18
_ELSEWHERE = frozenset({".git", "node_modules", "vendor", "venv", ".venv", "__pycache__"})


@probe(
    "III-P1",
    title="fails fast without config",
    tier=0,
    needs=("web",),
    does="Starts the web process with no config but PORT, and then, where secrets are documented or sessions can be "
    "had, with all but its secrets. Should it run without them, a session of one such deploy is shown to a second, "
    "which has services of its own.",
    proved="It ends at once and names a variable that is missing; or it runs, and no session is signed with something "
    "that its code holds.",
    refuted="It runs without its secret, and a deploy that shares nothing with it but the code takes its sessions for "
    "its own: whoever has the code can sign in as anybody.",
    fix="Read each secret from the environment without a default, and end with its name where it is missing.",
    rules=("III-01", "III-05"),
    mutation=Mutation(
        "signs with a default that stands in the code",
        {
            "config.py": (
                ('("DATABASE_URL", "SECRET_KEY") if not', '("DATABASE_URL",) if not'),
                ('os.environ["SECRET_KEY"]', 'os.environ.get("SECRET_KEY", "change-me")'),
            )
        },
    ),
)
async def fails_fast(trial: Trial) -> Outcome:
    names = documented(trial)
    bare = await trial.start(bare=True, ready=False)
    became = await settle(bare)
    said = output(bare)
    told: list[str] = []
    if became == "ended":
        told = names_in(said, names) or names_of_code(trial, said)
        show_end(trial, bare, told)
        seen = f"without config it ends and names {', '.join(told[:4])}" if told else ""
    else:
        trial.saw(
            "saw", f"without config it is {'ready' if became == 'ready' else 'neither ready nor ended'}", bare.name
        )
        seen = "it runs with its defaults alone" if became == "ready" else ""
        await bare.kill()
    held = await _without_secrets(trial, told)
    if held is not None:
        return held
    if seen and not (became == "ready" and _required(trial)):
        return proved(seen)
    if became == "ready":
        return advisory(f"it becomes ready without {', '.join(_required(trial)[:4])}, which it documents as required")
    if became == "ended":
        last = said.strip().rpartition("\n")[2][:120]
        return advisory(f"without config it ends and names no variable: {last or 'it says nothing'}")
    return advisory("without config it neither ends nor becomes ready: a deploy that lacks it looks alive")


async def _without_secrets(trial: Trial, told: Iterable[str]) -> Outcome | None:
    """What comes of starting it with all of its config but the secrets; None: nothing against it."""
    secret = _secrets(trial)
    missing = [name for name in secret if name not in set(told)]
    recipes = trial.subject.recipes
    can_sign_in = recipes.has("login") and recipes.has("whoami")
    if (secret and not missing) or (not secret and not can_sign_in):
        return None
    for _ in range(_TRIES):
        instance = await trial.start(env=dict.fromkeys(missing), ready=False)
        if missing:
            trial.saw("start", f"started without {', '.join(missing)}", instance.name)
        became = await settle(instance)
        if became == "ready":
            return await _sessions(trial, instance, missing)
        named = names_in(output(instance), missing) if became == "ended" else []
        show_end(trial, instance, named)
        await instance.kill()
        missing = [name for name in missing if name not in named]
        if not named or not missing:
            break  # it does not run without them
    return None


async def _sessions(trial: Trial, first: Instance, missing: list[str]) -> Outcome | None:
    """Whether a session of a deploy without its secrets is good at another one without them."""
    recipes = trial.subject.recipes
    without = ", ".join(missing[:4])
    if not (recipes.has("login") and recipes.has("whoami")):
        lines = [EXAMPLES[one] for one in ("login", "whoami") if not recipes.has(one)]
        return cannot_prove(f"it runs without {without}; what it signs with then, only a login can tell", *lines)
    other = await another_deploy(trial)
    signed = await sign_in(trial, first)
    second = await trial.start(env={**other, **dict.fromkeys(missing)})
    trial.saw("start", f"of another deploy, too without {without}" if without else "of another deploy", second.name)
    await trial.traffic.login(second)  # the same user is there, too
    if await is_known(trial, second, signed):
        what = (
            f"without {without} it runs, and signs with what its code holds"
            if missing
            else "it signs sessions with something that its code holds"
        )
        return refuted(f"{what}: {second.name}, a deploy of its own, takes a session of {first.name}")
    if not missing:
        return None
    key: dict[str, str | None] = {name: secrets.token_urlsafe(32) for name in missing}
    trial.saw("start", f"for comparison: two deploys with the same {without}")
    third = await trial.start(env=key)
    fourth = await trial.start(env={**other, **key})
    await trial.traffic.login(fourth)
    if await is_known(trial, fourth, await sign_in(trial, third)):
        return proved(f"without {without} it makes up a secret of its own: no other deploy takes its sessions")
    return cannot_prove(
        f"it runs without {without}, and its sessions lie in a service: they do not tell what it signs with"
    )


def _secrets(trial: Trial) -> list[str]:
    """The variables that hold secrets, services' URLs left out."""
    subject = trial.subject
    services = {name for one in subject.needs for name, _ in one.env}
    named = [one.name for one in subject.build.variables if is_secret(one)]
    given = [name for name in subject.recipes.env if is_secret_name(name)]
    return [name for name in dict.fromkeys((*named, *given)) if name not in services]


def _required(trial: Trial) -> list[str]:
    return [one.name for one in trial.subject.build.variables if one.required and one.name != "PORT"]


def names_of_code(trial: Trial, said: str) -> list[str]:
    """Words of its output that look like a variable and stand in its files as well."""
    left = set(_NAME.findall(said))
    found: set[str] = set()
    for number, path in enumerate(_files(Path(trial.subject.runnable.directory))):
        if not left or number >= _FILES:
            break
        try:
            with path.open("rb") as file:
                text = file.read(_BYTES).decode("utf-8", "replace")
        except OSError:
            continue
        found |= {name for name in left if name in text}
        left -= found
    return sorted(found)


def _files(root: Path) -> Iterable[Path]:
    for directory, names, files in os.walk(root):
        names[:] = sorted(set(names) - _ELSEWHERE)
        yield from (Path(directory, name) for name in sorted(files))
