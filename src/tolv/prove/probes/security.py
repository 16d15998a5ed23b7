"""Probes of SEC: authentication, authorization and least privilege."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tolv.prove.answer import Answer
from tolv.prove.client import NoAnswer
from tolv.prove.discovery.openapi import base_of, routes_of
from tolv.prove.discovery.route import Route
from tolv.prove.fill import fill_step
from tolv.prove.harness.instance import Instance, NotReady
from tolv.prove.harness.recording import Recording
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import CannotProve, Mutation, cannot_prove, not_applicable, probe, proved, refuted
from tolv.prove.probes._errors import provoke
from tolv.prove.probes._roaming import output, roam, show_end
from tolv.prove.recipes import EXAMPLES
from tolv.prove.traffic import Written, fresh
from tolv.prove.watch.processes import status

#: What a program says that is refused for want of root.
_WANTS_ROOT = re.compile(
    r"(?i)operation not permitted|\bEPERM\b|root privileges|requires? (?:root|superuser)"
    r"|(?:as|with) root (?:only|rights)"
    r"|(?:must|has to|needs? to|should) (?:be )?(?:run|started|be) (?:as |by )?(?:the )?(?:root|superuser)"
    r"|(?:bind|listen)\w*[^\n]*(?:permission denied|EACCES)"
    r"|(?:permission denied|EACCES)[^\n]*(?:bind|listen|:\d{1,3}\b)"
)
#: Lines at the end of its output that say why it has ended.
_LAST = 15
#: What an answer of 200 says that refuses all the same: a login page, an error in words.
_REFUSAL = re.compile(
    r"""(?i)type=["']?password|unauthori[sz]ed|forbidden|not (?:logged|signed) in|(?:login|sign-?in) required"""
)
_RIGHTS = ("Uid", "CapEff", "NoNewPrivs")
#: Parts of a page that show the inside of a program, each with what it is.
_INSIDES = (
    (re.compile(r"Traceback \(most recent call last\)"), "a Python traceback"),
    (re.compile(r'File "[^"\n]+\.py", line \d+'), "lines of a Python traceback"),
    (re.compile(r"(?m)^\s+at (?:[^\n]*\()?(?:file://)?/[^\n)]+\.(?:js|ts|mjs|cjs):\d+:\d+\)?"), "a JavaScript stack"),
    (re.compile(r"\bat [\w.$]+\([\w$]+\.(?:java|kt|scala):\d+\)"), "a Java stack"),
    (re.compile(r"/[\w./-]+\.rb:\d+:in [`']"), "a Ruby backtrace"),
    (re.compile(r"(?:#\d+ /[^\n]+\.php\(\d+\))|(?:in /[^\n]+\.php on line \d+)"), "a PHP stack"),
    (re.compile(r"goroutine \d+ \[running\]"), "a Go panic"),
    (
        re.compile(r"You(?:'|&#x27;|&#39;)re seeing this error because you have <code>DEBUG = True"),
        "Django's debug page",
    ),
    (re.compile(r"Werkzeug Debugger|__debugger__"), "Werkzeug's debugger"),
)
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
#: Characters of an answer in which a refusal is looked for.
_PAGE = 1 << 16
#: Paths by which somebody comes in: they are open by their nature.
_DOORS = frozenset("login signin signup register token oauth session sessions auth authenticate password".split())


@probe(
    "SEC-P1",
    title="needs no privileges",
    tier=0,
    needs=("web",),
    does="Runs the web process as an ordinary user without capabilities, who cannot gain any, and looks at its "
    "processes in /proc.",
    proved="It becomes ready and answers.",
    refuted="It does not start: it asks for what only root may do.",
    fix="Bind a port above 1023, own no files but the app's, and leave changing users to whoever starts it.",
    rules=("SEC-01",),
    bare=True,
    mutation=Mutation(
        "wants to be root, and to become somebody else",
        {"app.py": (("def main() -> int:\n", "def main() -> int:\n    os.setgroups([])\n    os.setuid(65534)\n"),)},
    ),
)
async def needs_no_privileges(trial: Trial) -> Outcome:
    try:
        instance = await trial.start()
    except NotReady as error:
        last = output(error.instance).splitlines()[-_LAST:]
        line = next((one for one in last if _WANTS_ROOT.search(one)), None)
        if line is None or error.instance.alive:
            raise
        show_end(trial, error.instance, [line])
        return refuted(f"as an ordinary user it does not start: {line.strip()[:160]}")
    rights = [(pid, _rights(pid)) for pid in instance.pids()]
    for pid, one in rights:
        trial.saw(
            "saw", f"process {pid}: " + ", ".join(f"{name} {value}" for name, value in one.items()), instance.name
        )
    known = [one for _, one in rights if one]
    if not known or any(one.get("Uid") == "0" or int(one.get("CapEff", "0"), 16) for one in known):
        return cannot_prove("nobody runs here without privileges: the sandbox is off")
    await roam(trial, instance)
    user = known[0]["Uid"]
    gain = ", no_new_privs" if all(one.get("NoNewPrivs") == "1" for one in known) else ""
    return proved(f"ready as user {user} without capabilities{gain}")


@dataclass(frozen=True, slots=True)
class _Guarded:
    """A request that only somebody who has logged in may make."""

    method: str
    path: str
    body: bytes | None
    said: str
    """Who says that it is guarded."""
    kind: str = "application/json"


@probe(
    "SEC-P2",
    title="lets no stranger in, and shows no insides",
    tier=2,
    needs=("web",),
    does="Sends, without logging in, each request that changes something and for which the API's description or a "
    "recipe asks for a login; and brings about errors: what does not exist, what cannot be read, services "
    "out of reach.",
    proved="Each of them is refused (401, 403, or the way to the login), and no error page shows a stack trace.",
    refuted="A stranger's request is carried out, or an error page shows the inside of the program.",
    fix="Guard every route that changes something, all at one place; switch debugging off, and answer errors with "
    "nothing but what went wrong.",
    rules=("SEC-03", "SEC-04", "SEC-06", "III-08"),
    mutation=Mutation(
        "lets anybody delete notes",
        {
            "app.py": (
                ("-> Answer:\n    signed_in(question)\n    with transaction()", "-> Answer:\n    with transaction()"),
            )
        },
    ),
)
async def lets_no_stranger_in(trial: Trial) -> Outcome:
    instance = await trial.start()
    recording = Recording(instance)
    guarded = list(await _guarded(trial, instance))
    refused, unclear = [], []
    for one in guarded:
        headers = (("Content-Type", one.kind),) if one.body is not None else ()
        try:
            answer = await instance.client.request(one.method, one.path, headers=headers, body=one.body)
        except NoAnswer as error:
            trial.saw("answer", f"{one.method} {one.path} as a stranger -> {error.text}", instance.name)
            unclear.append(one)
            continue
        trial.saw("answer", f"{one.method} {one.path} as a stranger -> {answer} ({one.said})", instance.name)
        if _refuses(answer):
            refused.append(one)
        elif answer.status < 300 and not _REFUSAL.search(answer.text()[:_PAGE]):
            return refuted(f"{one.method} {one.path} of a stranger is answered {answer.status}; {one.said}")
        else:
            unclear.append(one)
    await provoke(trial, instance)
    shown = next(_insides(recording), None)
    if shown is not None:
        asked, status, what, line = shown
        trial.saw("answer", f"{asked} -> {status}: {line}", instance.name)
        return refuted(f"the answer to {asked} ({status}) shows {what}")
    errors = sum(answer.status >= 400 for _, answer in recording.answers)
    if not guarded:
        missing = [EXAMPLES[name] for name in ("spec", "login", "whoami") if not trial.subject.recipes.has(name)]
        reason = f"{errors} error pages show no insides; which requests need a login is said nowhere"
        return cannot_prove(reason, *missing) if missing else not_applicable(f"no request needs a login; {reason}")
    if not refused:
        paths = ", ".join(f"{one.method} {one.path}" for one in unclear[:3])
        return cannot_prove(f"{paths}: neither refused nor carried out; {errors} error pages show no insides")
    more = f", {len(unclear)} answered with another error" if unclear else ""
    return proved(
        f"{len(refused)} of {len(guarded)} guarded requests refused{more}; {errors} error pages show no insides"
    )


def _rights(pid: int) -> dict[str, str]:
    return {key: value.split()[0] for key, value in status(pid).items() if key in _RIGHTS}


def _refuses(answer: Answer) -> bool:
    """401, 403, or the way to somewhere where one can log in."""
    if answer.status in (401, 403, 407, 511):
        return True
    goal = answer.header("location").lower()
    return answer.status in (301, 302, 303, 307, 308) and any(word in goal for word in _DOORS)


async def _guarded(trial: Trial, instance: Instance) -> list[_Guarded]:
    """The requests that need a login, with what is known of an item put into their paths."""
    written = await _item(trial, instance)
    values = {"id": written.fields.get("id", "1"), **written.fields} if written else {}
    found = []
    spec = await _spec(trial, instance)
    operations = dict(_protected(spec))
    for route in routes_of(spec, "openapi"):
        key = (route.method, route.path)
        if route.method in _CHANGING and key in operations and not route.words & _DOORS:
            found.append(_request(route, values))
    found += _by_recipe(trial)
    # What takes away comes last: it must not hide what the others do.
    return sorted(found, key=lambda one: one.method == "DELETE")


def _by_recipe(trial: Trial) -> Iterator[_Guarded]:
    """The last requests of recipes that begin with the login."""
    recipes = trial.subject.recipes
    for name in ("write", "upload", "job"):
        steps = recipes.steps(name)
        token = fresh()
        values = {"token": token, "name": f"{token}.txt"}
        if not recipes.login or steps[: len(recipes.login)] != recipes.login or len(steps) == len(recipes.login):
            continue
        if steps[-1].method in _CHANGING and set(steps[-1].placeholders) <= set(values):
            filled = fill_step(steps[-1], values, token.encode() if name == "upload" else None)
            kind = dict(filled.headers).get("Content-Type", "application/json")
            yield _Guarded(filled.method, filled.path, filled.body, f"the {name} of [prove] begins with a login", kind)


def _request(route: Route, values: dict[str, str]) -> _Guarded:
    path = re.sub(r"\{(\w+)\}", lambda match: _value(match[1], values), route.path)
    body, kind = None, "application/json"
    if route.method != "DELETE":
        body = (route.body or "{}").replace("{token}", fresh()).encode()
        if not (route.body or "{}").lstrip().startswith(("{", "[")):
            kind = "application/x-www-form-urlencoded"
    return _Guarded(route.method, path, body, "the API's description asks for a login", kind)


def _value(name: str, values: dict[str, str]) -> str:
    if name in values:
        return values[name]
    return values.get("id", "1") if name.lower().endswith("id") else fresh()


async def _item(trial: Trial, instance: Instance) -> Written | None:
    if not trial.subject.recipes.write:
        return None
    try:
        return await trial.traffic.write(instance)
    except (CannotProve, NoAnswer):
        return None


async def _spec(trial: Trial, instance: Instance) -> dict[str, Any]:
    """The API's description; empty where there is none, or it cannot be read."""
    where = trial.subject.recipes.spec
    if where is None:
        return {}
    try:
        if where.startswith("/"):
            text = (await instance.client.request("GET", where)).text()
        else:
            text = (Path(trial.subject.runnable.directory) / where).read_text(encoding="utf-8")
        found = json.loads(text)
    except (OSError, ValueError, NoAnswer) as error:
        trial.saw("saw", f"the API's description at {where} cannot be read: {error}")
        return {}
    return found if isinstance(found, dict) else {}


def _protected(spec: dict[str, Any]) -> Iterator[tuple[tuple[str, str], bool]]:
    """Method and path of the operations that need one of the description's security schemes."""
    base = base_of(spec)
    general = spec.get("security")
    for path, item in _paths(spec).items():
        for method, operation in item.items() if isinstance(item, dict) else ():
            if not isinstance(operation, dict):
                continue
            needed = operation.get("security", general)
            if isinstance(needed, list) and needed and all(needed):  # an empty one means: or without
                yield (method.upper(), base + path), True


def _paths(spec: dict[str, Any]) -> dict[str, Any]:
    paths = spec.get("paths")
    return paths if isinstance(paths, dict) else {}


def _insides(recording: Recording) -> Iterator[tuple[str, int, str, str]]:
    """Answers that show the inside of the program: what was asked, the status, what it is, the line."""
    for asked, answer in recording.answers:
        if answer.status < 400:
            continue
        text = answer.text().replace("&quot;", '"').replace("&#34;", '"')
        for pattern, what in _INSIDES:
            if found := pattern.search(text):
                yield asked, answer.status, what, text[found.start() : found.start() + 160].splitlines()[0]
                break
