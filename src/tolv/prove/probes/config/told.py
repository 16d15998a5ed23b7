"""III-P3: whether all config that the app reads is told of, and none comes from a file of an environment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tolv.codebase.infra import parse_app_json
from tolv.prove.harness.instance import Instance, NotReady
from tolv.prove.harness.stand import Stand
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import CannotProve, Mutation, advisory, cannot_prove, probe, proved, refuted
from tolv.prove.probes._roaming import documented, names_in, output, roam, settle, show_end
from tolv.prove.probes.config.missing import names_of_code
from tolv.prove.traffic import fresh
from tolv.prove.watch.env_reads import EnvReads, Read
from tolv.prove.watch.opened import CannotWatch, Opened

_ELSEWHERE = frozenset({".git", "node_modules", "vendor", "venv", ".venv", "__pycache__", "site-packages"})
#: Variables that belong to the system and the runtime, not to the app.
_USUAL = re.compile(
    r"(?:LANG|LC_\w+|LANGUAGE|TZ|TERM|COLORTERM|HOME|PATH|PWD|USER|SHELL|EDITOR|HOSTNAME|CI|NO_COLOR|FORCE_COLOR|TMPDIR"
    r"|TEMP|TMP|PORT|PYTHON\w*|NODE_\w+|NPM_\w+|npm_\w+|VIRTUAL_ENV|XDG_\w+|(?:https?|no|all)_proxy|(?:HTTPS?|NO|ALL)_PROXY"
    r"|TOLV_\w+|DJANGO_SETTINGS_MODULE|DYNO|K_SERVICE|KUBERNETES_\w+|FLY_\w+|RENDER\w*|WEB_CONCURRENCY|GUNICORN_CMD_ARGS|UVICORN_\w+|JAVA_\w+|JVM_\w+)"
)
_TEMPLATE = re.compile(r"(?i)example|sample|template|dist$|defaults?\.")
_ENVIRONMENT = r"(?:production|prod|staging|stage|development|dev|testing|test|local|qa|uat|live)"
#: Files of variables that are one environment's: `.env.production`, `prod.env`.
_OF_ENVIRONMENT = re.compile(rf"(?i)(?:^|/)(?:\.env[.-]{_ENVIRONMENT}\b[\w.-]*|(?:[\w-]*[._-])?{_ENVIRONMENT}\.env)$")
#: Files that may hold config of a deploy: `.env`, `config/production.json`.
_MAYBE = re.compile(
    rf"(?i)(?:^|/)(?:\.env|\.flaskenv|[\w-]+\.env|(?:[\w-]*[._-])?{_ENVIRONMENT}\.(?:json5?|ya?ml|toml|ini|cfg|conf|properties))$"
)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was seen of an app that was started with all that it documents."""

    instance: Instance
    ready: bool
    reads: tuple[Read, ...] | None
    """Variables that its code asks for; None: its runtime does not tell."""
    opened: frozenset[str] | None
    """Files of its own that it has opened; None: the kernel does not tell."""


@probe(
    "III-P3",
    title="reads no config that nobody told of",
    tier=1,
    needs=("web",),
    does="Starts the web process with exactly the config that .env.example and tolv.toml tell of and sends traffic. A "
    "hook notes which variables its code asks for (Python, Node), inotify which of its files are opened.",
    proved="It starts; its code asks for no variable that is not told of, and opens no file of an environment.",
    refuted="It does not start without a variable that nobody told of, or it opens a file such as prod.env, which "
    "holds the config of one environment.",
    fix="Tell of every variable in .env.example, and read config from the environment alone.",
    rules=("III-04", "III-07", "III-09"),
    bare=True,
    mutation=Mutation(
        "needs a variable that nobody told of",
        {"config.py": (('SECRET_KEY = os.environ["SECRET_KEY"]', 'SECRET_KEY = os.environ["SIGNING_SALT"]'),)},
    ),
)
async def told_of_all(trial: Trial) -> Outcome:
    unprepared = await _attach(trial)
    seen = await _watch(trial)
    if seen.ready and unprepared is not None:
        raise unprepared
    if not seen.ready:
        return await _wants_more(trial, seen)
    unsaid = await _given_only_here(trial)
    if unsaid is not None:
        return unsaid
    files = sorted(one for one in seen.opened or () if not _TEMPLATE.search(one))
    theirs = [one for one in files if _OF_ENVIRONMENT.search(one)]
    for one in files:
        if _OF_ENVIRONMENT.search(one) or _MAYBE.search(one):
            trial.saw("file", f"opens {one}", seen.instance.name)
    if theirs:
        return refuted(f"it opens {', '.join(theirs[:3])}: the config of an environment is part of the code")
    known = {*documented(trial), *_deployed_with(trial), *seen.instance.made.env}
    untold = [one for one in seen.reads or () if one.name not in known and not _USUAL.fullmatch(one.name)]
    for read in untold[:10]:
        trial.saw("saw", f"{read.where} asks for {read.name}", seen.instance.name)
    if untold:
        names = ", ".join(one.name for one in untold[:5])
        return advisory(f"its code asks for {names}, which nobody is told of; it runs without")
    maybe = [one for one in files if _MAYBE.search(one)]
    if maybe:
        return advisory(f"it opens {', '.join(maybe[:3])}: config in the code, if it differs from deploy to deploy")
    if seen.reads is None:
        return cannot_prove(
            "it starts with what is told of; which variables it reads its runtime does not tell (only "
            "Python and Node do)"
        )
    if seen.opened is None:
        return cannot_prove("its variables are all told of; which files it opens the kernel does not tell here")
    return proved(f"its code asks for {_count(len(seen.reads))}, and opens no file of an environment")


def _count(variables: int) -> str:
    return {0: "no variable", 1: "one variable, which is told of"}.get(variables, f"{variables} variables, all told of")


def _deployed_with(trial: Trial) -> frozenset[str]:
    """The variables that Heroku's app.json has set or asked for when the app is deployed."""
    try:
        text = Path(trial.subject.runnable.directory, "app.json").read_text("utf-8", "replace")
    except OSError:
        return frozenset()
    return frozenset(parse_app_json(text).env)


async def _attach(trial: Trial) -> CannotProve | None:
    """Attach the trial's services; where the release phase fails, without it, as it may want the same variable."""
    try:
        await trial.backing.attach()
    except CannotProve as error:
        trial.saw("exit", error.reason[:300])
        await trial.backing.attach(empty=True)
        return error
    return None


async def _watch(trial: Trial) -> _Seen:
    """Start it on a copy of its own, with the hook, and send traffic."""
    runnable = await trial.edited(lambda root: None)
    root = Path(runnable.directory)
    hook = EnvReads(root.parent / "hook", root)
    given = {**runnable.environment, **trial.config}
    stand = Stand(code="release", writes=(str(root), str(hook.directory)))
    watch: Opened | None = Opened(root, _ELSEWHERE)
    try:
        watch = watch.__enter__() if watch else None
    except CannotWatch as error:
        trial.saw("saw", str(error))
        watch = None
    try:
        instance = await trial.start(env=hook.env(given), runnable=runnable, stand=stand, ready=False)
        ready = await settle(instance, 60.0) == "ready"
        if ready:
            await roam(trial, instance)
        loaded = hook.loaded(instance.pids()) or (not ready and bool(hook.reads()))
        await instance.stop()
        opened = watch.paths if watch and not watch.lost else None
    finally:
        if watch:
            watch.__exit__(None, None, None)
    reads = hook.reads() if loaded else None
    if reads is not None:
        trial.saw("saw", f"its code asks for {', '.join(one.name for one in reads) or 'nothing'} (hook)", instance.name)
    if opened is not None:
        trial.saw("file", f"{len(opened)} of its files were opened (inotify)", instance.name)
    return _Seen(instance, ready, reads, opened)


async def _wants_more(trial: Trial, seen: _Seen) -> Outcome:
    """Whether it does not start for want of a variable that nobody told of."""
    instance = seen.instance
    said = output(instance)
    known = {*documented(trial), *trial.config, *instance.made.env}
    named = [name for name in names_of_code(trial, said) if name not in known]
    read = [one.name for one in seen.reads or () if not one.there and one.name not in known]
    wanted = [name for name in (*named, *(one for one in read if names_in(said, [one]))) if not _USUAL.fullmatch(name)]
    show_end(trial, instance, wanted)
    for name in dict.fromkeys(wanted):
        other = await trial.start(env={name: fresh() + fresh()}, ready=False)
        trial.saw("start", f"with {name} set to something", other.name)
        if await settle(other) == "ready" or not names_in(output(other), [name]):
            return refuted(f"with all that it tells of it does not start: it wants {name}, which nobody is told of")
    raise NotReady(instance, "with all that it tells of it does not start")


async def _given_only_here(trial: Trial) -> Outcome | None:
    """Whether it needs what `[prove.env]` gives and nothing else tells of."""
    only = [name for name in trial.subject.recipes.env if name not in documented(trial) and not _USUAL.fullmatch(name)]
    if not only:
        return None
    instance = await trial.start(env=dict.fromkeys(only), ready=False)
    trial.saw("start", f"without {', '.join(only)}, of which only [prove.env] tells", instance.name)
    if await settle(instance) == "ready":
        return None
    named = names_in(output(instance), only)
    show_end(trial, instance, named)
    if not named:
        return None
    return refuted(f"without {', '.join(named)} it does not start, and only [prove.env] tells of it")
