"""Probes of V: building, releasing and running are separate, and what runs does not change itself."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

from tolv.prove.harness.earlier import Earlier, earlier
from tolv.prove.harness.instance import Instance, NotReady
from tolv.prove.harness.stand import Stand
from tolv.prove.harness.trial import Trial
from tolv.prove.harness.tripwires import Call, Tripwires
from tolv.prove.model import Outcome
from tolv.prove.probe import CannotProve, Mutation, probe, proved, refuted
from tolv.prove.traffic import Tally
from tolv.prove.watch.files import Snapshot, changes
from tolv.prove.watch.processes import Executed, Seen

_MAIN = "def main() -> int:\n    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)"
_READ_ONLY = Stand(code="release")
_ROUNDS = 6
#: What the kernel's refusal of a write is called.
_REFUSED = re.compile(r"(?i)read-only file ?system|permission denied|\bEROFS\b|\bEACCES\b")


@probe(
    "V-P1",
    title="runs on read-only code",
    tier=0,
    needs=("web",),
    does="Starts every process type on the release itself, which nobody can write, and uses the app.",
    proved="All become ready and do on it what they do on a copy that they could write.",
    refuted="It does not start, or fails at what works where it may write to its own directory: a release that changes "
    "itself is no release.",
    fix="Write to the temporary directory (TMPDIR) what may be lost, and to a backing service what may not.",
    rules=("V-06", "V-09"),
    bare=True,
    mutation=Mutation(
        "notes its start in its own directory",
        {"app.py": ((_MAIN, _MAIN.replace("\n", '\n    Path(__file__).with_name("started").write_text("now")\n', 1)),)},
    ),
)
async def runs_read_only(trial: Trial) -> Outcome:
    offer = trial.harness.ground.offer
    if os.geteuid() == 0 and not (offer.user or offer.view or offer.landlock):
        raise CannotProve("the app runs as root here, and root writes everywhere")
    directory = Path(trial.subject.runnable.directory)
    before = await asyncio.to_thread(Snapshot.of, directory)
    try:
        problems = await _use_all(trial, _READ_ONLY)
    except NotReady as error:
        await trial.start(error.instance.made.type.name)
        trial.saw("start", "on a copy that it can write it becomes ready")
        lines = [one.text for one in error.instance.lines()]
        for line in [one for one in lines if _REFUSED.search(one)][:2] or lines[-4:]:
            trial.saw("log", line, error.instance.name)
        return refuted(f"{error.instance.name} needs to write its own code: {error.reason}")
    if problems:
        again = await _use_all(trial, Stand())
        for problem in problems[:5]:
            trial.saw("saw", f"on read-only code: {problem}")
        if again:
            raise CannotProve(f"what [prove] names fails on writable code, too: {again[0]}")
        return refuted(f"it fails where it cannot write its own code: {problems[0]}")
    changed = changes(before, await asyncio.to_thread(Snapshot.of, directory))
    if changed:
        return refuted(f"it changed the release: {(*changed.changed, *changed.added, *changed.removed)[0]}")
    files = sum(one.kind == "file" for one in before.entries.values())
    trial.saw("file", f"the release is as it was: {files} files")
    return proved(f"{', '.join(_types(trial))} ran, {files} files read-only")


def _types(trial: Trial) -> list[str]:
    return ["web", *(one.name for one in trial.subject.others)]


async def _use_all(trial: Trial, stand: Stand) -> tuple[str, ...]:
    """Start every process type and use the app; what went wrong."""
    instances = [await trial.start(name, stand=stand) for name in _types(trial)]
    tally = await _use(trial, instances[0])
    dead = [f"{one.name} ended" for one in instances if not one.alive]
    for one in instances:
        await one.kill()
    return (*tally.problems, *dead)


async def _use(trial: Trial, instance: Instance) -> Tally:
    return await trial.traffic.some([instance], _ROUNDS)


#: What installs or compiles, by name, with the words that make it do so; None: any. `npm start` and its like run.
_BUILDERS: dict[str, str | None] = {
    **dict.fromkeys(("pip", "pip3", "pipx"), "install|download|wheel"),
    "uv": "sync|add|build|pip install|pip sync|tool install",
    "poetry": "install|add|update|sync|build",
    "pipenv": "install|sync|update",
    "pdm": "install|add|sync|update|build",
    **dict.fromkeys(("conda", "mamba"), "install|create|update"),
    **dict.fromkeys(
        ("npm", "pnpm", "yarn", "bun"),
        r"i|ci|install|add|update|upgrade|rebuild|dlx|(?:run )?(?:build|compile|bundle)(?::\S+)?|$",
    ),
    **dict.fromkeys(("gem", "apt", "apt-get", "yum", "dnf", "microdnf"), "install|update|upgrade"),
    "apk": "add",
    "bundle": "install|update|$",
    "composer": "install|update|require",
    "go": "build|install|get|run|mod download",
    "cargo": "build|install|run",
    **dict.fromkeys(("mvn", "gradle", "sbt", "ant", "cmake", "ninja"), None),
    "make": "all|build|compile|install|$",
    **dict.fromkeys(("gcc", "g++", "cc", "c++", "clang", "clang++", "rustc", "javac", "tsc"), None),
    **dict.fromkeys(("webpack", "vite", "esbuild", "rollup", "parcel", "sass", "tailwindcss", "msgfmt"), None),
    "pybabel": "compile",
    "django-admin": "collectstatic|compilemessages|compress|compilescss",
    **dict.fromkeys(("rake", "rails"), "assets:precompile|webpacker:compile"),
}
#: How a library is looked for, which looks like compiling: `ctypes.util.find_library`; and questions for a version.
_HARMLESS = re.compile(r"-Wl,-t\b|^(?:-v|-V|--version|-dumpversion|-dumpmachine|-print-\S+)$")
#: Parts of a host's name that say that it is a registry of packages.
_REGISTRY = re.compile(
    r"(?i)(?:^|[.-])(?:pypi|npm|npmjs|yarnpkg|rubygems|packagist|crates|registry|maven|goproxy|golang|anaconda|conda|"
    r"(?:deb|archive|security|ports)(?=\.(?:debian|ubuntu)))(?:$|[.-])"
)


@probe(
    "V-P2",
    title="builds nothing when it runs",
    tier=0,
    needs=("web",),
    does="Starts every process type with tripwires in place of installers and compilers, in a network without "
    "registries, and uses the app.",
    proved="No installer or compiler is started, and no registry is asked for.",
    refuted="Something is installed or compiled when the app starts or serves: each start may run something else, or "
    "nothing at all.",
    fix="Install and compile, translations and assets too, in the build: in [build] of tolv.toml, the Dockerfile, or "
    "what the platform runs for it.",
    rules=("V-01", "II-07"),
    bare=True,
    mutation=Mutation(
        "installs its dependencies when it starts",
        {"Procfile": (("web: python -B app.py", "web: pip install -q -r requirements.txt; exec python -B app.py"),)},
    ),
)
async def builds_nothing(trial: Trial) -> Outcome:
    place = trial.harness.place(f"{trial.id}-wires")
    wires = Tripwires(place, trial.subject.runnable, _BUILDERS)
    stand = Stand(writes=wires.writes)
    unready: NotReady | None = None
    asked: list[Call] = []
    for name in _types(trial):
        instance = await trial.start(name, stand=stand, runnable=wires.runnable, ready=False)
        with Executed(instance.pid) as executed:
            try:
                await instance.ready()
                if name == "web":
                    await _use(trial, instance)
            except NotReady as error:
                unready = error
        asked += [call for one in executed.executions if (call := _by_interpreter(one.process)) is not None]
        await instance.kill()
    built = [one for one in (*wires.calls, *asked) if _builds(one)]
    for call in built[:5]:
        trial.saw("saw", f"it ran: {call}")
    if built:
        return refuted(f"it ran {built[0]}" + (f" and {len(built) - 1} more" if len(built) > 1 else ""))
    outbound = await trial.network.seen()
    names = sorted({one.name for one in outbound or () if one.name and _REGISTRY.search(one.name)})
    for host in names[:5]:
        trial.saw("socket", f"it asked for the address of {host}")
    if names:
        return refuted(f"it looks for a registry when it runs: {names[0]}")
    if unready is not None:
        raise unready
    trial.saw("saw", f"none of {len(_BUILDERS)} installers and compilers was started")
    if outbound is None:
        return proved("no installer or compiler started; what it asks of the network cannot be seen here")
    return proved("no installer or compiler started, no registry asked for")


def _by_interpreter(process: Seen) -> Call | None:
    """What an interpreter was told to run, where a tripwire of its name would have noted it: `python -m pip install`,
    `python manage.py compress`."""
    match process.argv:
        case [_, "-m", name, *rest] if name in _BUILDERS and rest:
            return Call(process.pid, name, " ".join(rest))
        case [_, script, *rest] if os.path.basename(script) == "manage.py":
            return Call(process.pid, "django-admin", " ".join(rest))
    return None


def _builds(call: Call) -> bool:
    actions = _BUILDERS.get(call.name)
    if _HARMLESS.search(call.arguments):
        return False
    return actions is None or re.match(rf"(?:-\S+ )*(?:{actions})(?![\w-])", call.arguments) is not None


@probe(
    "V-P3",
    title="can go back a release",
    tier=2,
    needs=("web", "git"),
    does="Builds the release before this one (the tag before, or the commit before), starts it with the same config on "
    "the database that this release has migrated, and uses it.",
    proved="It becomes ready and does all that this release does.",
    refuted="It does not, although it does on a database of its own: after a deploy there is no way back.",
    fix="Only add in a migration what the release before can live with; take away in a later release what none "
    "uses any more.",
    rules=("V-03", "V-07", "V-10"),
    mutation=Mutation(
        "renames a column that the release before needs",
        {
            "schema.py": (('    "CREATE INDEX effects_of_job ON effects (job);",',
                           '    "CREATE INDEX effects_of_job ON effects (job);",\n'
                           '    "ALTER TABLE notes RENAME COLUMN text TO body;",'),),
            "app.py": (
                ("SELECT id, text FROM notes ORDER BY", "SELECT id, body FROM notes ORDER BY"),
                ("SELECT id, text FROM notes WHERE", "SELECT id, body FROM notes WHERE"),
                ("INSERT INTO notes (text)", "INSERT INTO notes (body)"),
            ),
        },
    ),
)  # fmt: skip
async def can_go_back(trial: Trial) -> Outcome:
    before = await earlier(trial)
    if before is None:
        raise CannotProve("there is no release before this one: neither a tag nor an earlier commit")
    web = before.build.process("web")
    if web is None:
        raise CannotProve(f"the release before, {before.name}, has no web process")
    await trial.backing.attach()
    if not await _works(trial, await trial.start()):
        raise CannotProve("this release does not do what [prove] names")
    trial.saw("start", f"now {before.name} ({before.commit.short}), on the same database")
    problem = await _problem(trial, before, web.command)
    if problem is None:
        on = "the database" if trial.backing.services else "the config"
        return proved(f"{before.name} runs on {on} of {trial.subject.commit.short}")
    alone = await _on_its_own(trial, before, web.command)
    if alone is not None:
        raise CannotProve(f"{before.name} does not run on a database of its own either: {alone}")
    return refuted(f"back at {before.name}: {problem}")


async def _works(trial: Trial, instance: Instance) -> bool:
    problems = (await _use(trial, instance)).problems
    await instance.kill()
    return not problems


async def _problem(trial: Trial, before: Earlier, command: str) -> str | None:
    """What goes wrong with the release before, where the trial is attached; None: nothing."""
    try:
        instance = await trial.start(runnable=before.runnable, command=command)
    except NotReady as error:
        lines = [one.text for one in error.instance.lines()]
        for line in [one for one in lines if _REFUSED.search(one)][:2] or lines[-4:]:
            trial.saw("log", line, error.instance.name)
        return f"it does not become ready: {error.reason}"
    problems = (await _use(trial, instance)).problems
    await instance.kill()
    return problems[0] if problems else None


async def _on_its_own(trial: Trial, before: Earlier, command: str) -> str | None:
    """What goes wrong with it on a database that it has prepared itself; None: nothing."""
    async with trial.harness.trial(f"{trial.name} control") as other:
        await other.backing.attach(empty=True)
        prepare = before.build.release_command or trial.subject.prepare
        if prepare is not None:
            finished = await other.one_off(prepare, runnable=before.runnable)
            if not finished.ok:
                return f"{prepare}: {finished}"
        trial.saw("start", f"{before.name} on a database of its own, prepared by {prepare}")
        problem = await _problem(other, before, command)
        trial.saw("saw", problem or f"there {before.name} does what it is asked for")
        return problem
