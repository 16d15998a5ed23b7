"""Probes of X: development and production are as alike as they can be."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path

from tolv.codebase.inference.files import Files
from tolv.codebase.inference.servers import read_platforms
from tolv.codebase.inference.signs import Server
from tolv.codebase.manifest import read_manifest
from tolv.codebase.model import ServiceNeed
from tolv.codebase.services import kind_named
from tolv.codebase.stated_runtimes import Statement, stated_runtimes
from tolv.dependencies.versions import parse_version, satisfies
from tolv.prove.harness.backing import Service
from tolv.prove.harness.instance import Instance, NotReady
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import CannotProve, Mutation, advisory, not_applicable, probe, proved, refuted
from tolv.prove.recipes import EXAMPLES
from tolv.prove.watch.files import Snapshot, open_files

#: Seconds in which an app without its service is ready, or is not going to be.
_READY_WITHIN = 20.0
_SQLITE = b"SQLite format 3\0"
_STORES = frozenset({"postgres", "mysql", "mariadb", "mongodb", "redis", "valkey", "s3"})
_READ_TITLE = 'TITLE = os.environ.get("TITLE", "Notes")'
_FALLBACK = """\
if "sqlite" in DATABASE_URL:
    __import__("sqlite3").connect("notes.db").execute("CREATE TABLE IF NOT EXISTS notes (text)")
"""


@probe(
    "X-P1",
    title="the same services everywhere",
    tier=1,
    needs=("web", "services"),
    does="Starts the app attached and asks the engine which one it is, compares that with what is started for "
    "development, and then starts the app as a developer would who has configured nothing.",
    proved="Engine and major version are the same everywhere, and without its service the app does not do with "
    "something else.",
    refuted="Development has another engine or version than production, or the app takes a stand-in where nobody names "
    "its service: what works there may fail in production.",
    fix="Use the engine and version of production everywhere (a compose file, tolv up), and let the app refuse to "
    "start without its service.",
    rules=("X-01", "X-02", "X-04", "X-05"),
    mutation=Mutation(
        "takes SQLite where nobody names a database",
        {
            "config.py": (
                ('("DATABASE_URL", "SECRET_KEY") if', '("SECRET_KEY",) if'),
                ('os.environ["DATABASE_URL"]', 'os.environ.get("DATABASE_URL", "sqlite:///notes.db")'),
                ('("postgresql://", "postgres://")', '("postgresql://", "postgres://", "sqlite://")'),
                (_READ_TITLE, _FALLBACK + _READ_TITLE),
                ("conninfo_to_dict(DATABASE_URL)", '"sqlite" in DATABASE_URL or conninfo_to_dict(DATABASE_URL)'),
            ),
        },
    ),
)  # fmt: skip
async def same_services(trial: Trial) -> Outcome:
    subject = trial.subject
    web = await trial.start()
    engines = []
    for service in trial.backing.services:
        version = await asyncio.to_thread(_version, service)
        trial.saw("service", f"{service.name} is {service.kind} {version}".rstrip(), web.name)
        engines.append(f"{service.kind} {version.partition('.')[0]}".rstrip())
    await trial.traffic.some([web], 2)
    used = {one.need.name for one in trial.backing.services if one.cable.connections}
    await web.kill()
    files = Files(Path(subject.runnable.directory))
    for server in read_platforms(files)[0]:
        for need in subject.build.services:
            if (other := _differs(need, server)) is not None:
                trial.saw("saw", f"{server.place.path}:{server.place.line} starts {server.place.what}")
                return refuted(f"{server.place.path} starts {other}, and tolv.toml says {need.kind} {need.version}")
    for need in (one for one in subject.needs if one.name in used):  # one that is not used needs no stand-in
        if kind_named(need.kind).family in _STORES and (stand_in := await _stand_in(trial, need)) is not None:
            return refuted(f"without {need.env[0][0]} it goes on with {stand_in}, while production has {need.kind}")
    if not subject.build.services:
        lines = [f'kind = "{subject.needs[0].kind}"', 'version = "…"']
        raise CannotProve("nothing says what production runs", f"[services.{subject.needs[0].name}]", *lines)
    for server in read_platforms(files)[0]:
        for need in subject.build.services:
            if server.kind.family == kind_named(need.kind).family and server.version and not need.version:
                raise CannotProve(
                    f"tolv.toml names no version of {need.kind}: whether production has {server.version}, as "
                    f"{server.place.path} starts, nothing says",
                    f"[services.{need.name}]",
                    f'version = "{server.version}"',
                )
    return proved(f"{', '.join(engines)}, as declared; no stand-in without it")


def _version(service: Service) -> str:
    if service.kind != "postgres":
        return service.server.version
    with service.administer() as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return str(row[0]).split()[0] if row else ""


def _differs(need: ServiceNeed, server: Server) -> str | None:
    """What a server beside the app is, where that is another version of what is declared."""
    if server.kind.family != kind_named(need.kind).family or not need.version or not server.version:
        return None
    mine, theirs = parse_version(need.version), parse_version(server.version)
    length = min(len(mine), len(theirs), 1 if need.kind == "postgres" and mine[:1] >= (10,) else 2)
    return f"{server.kind.name} {server.version}" if mine[:length] != theirs[:length] else None


async def _stand_in(trial: Trial, need: ServiceNeed) -> str | None:
    """What the app uses in place of a service that nobody has configured; None: nothing, it does not work."""
    said = {one.name: one.default for one in trial.subject.build.variables}
    env = {name: said.get(name) for name, _ in need.env}
    shown = ", ".join(f"{name}={value}" if value else f"no {name}" for name, value in env.items())
    instance = await trial.start(env=env, ready=False)
    trial.saw("start", f"as it is without config: {shown}", instance.name)
    try:
        await instance.ready(_READY_WITHIN)
    except NotReady as error:
        for line in error.lines[-2:]:
            trial.saw("log", line, instance.name)
        trial.saw("exit", error.reason, instance.name)
        await instance.kill()
        return None
    tally = await trial.traffic.some([instance], 2)
    files = await asyncio.to_thread(_databases, trial, instance)
    await instance.kill()
    for path in files:
        trial.saw("file", f"{path} is a SQLite database", instance.name)
    if files:
        return f"SQLite ({files[0]})"
    recipes = trial.subject.recipes
    if need.kind in ("redis", "valkey") or tally.problems or not (recipes.write and recipes.read_back):
        return None
    trial.saw("saw", "what was written could be read", instance.name)
    return "something of its own"


def _databases(trial: Trial, instance: Instance) -> list[str]:
    """SQLite databases that the instance has made or opened."""
    shipped = Snapshot.of(Path(trial.subject.runnable.directory), ("node_modules",)).entries
    found = [str(one.path) for one in open_files(instance.pids()) if one.write]
    for place in (instance.directory, instance.made.tmp):
        if place.is_dir():
            entries = Snapshot.of(place, ("node_modules",)).entries
            found += [str(place / path) for path, one in entries.items() if one.kind == "file" and path not in shipped]
    return sorted({_below(instance, path) for path in found if _is_database(path)})


def _is_database(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def _below(instance: Instance, path: str) -> str:
    return path.removeprefix(f"{instance.directory}/").replace(str(instance.made.tmp), "$TMPDIR")


#: What PostgreSQL and its drivers say when they refuse a statement.
_REFUSED = re.compile(
    r"(?i)syntax error at or near|"
    r"(?:relation|column|table|type|function|constraint|index)\b.{0,80}\b(?:does not exist|already exists)|"
    r"ProgrammingError|UndefinedTable|UndefinedColumn|DuplicateTable|DatatypeMismatch|IntegrityError|"
    r"(?:psycopg2?|asyncpg)\.(?:errors|exceptions)\.(?!Connection|Operational)|SequelizeDatabaseError|P30\d\d|"
    r"cannot be cast automatically|violates .{0,40}constraint|PG::\w+"
)
#: What this machine's engine may lack.
_LACKING = re.compile(r"(?i)extension .{0,60}(?:not available|control file|permission denied|must be superuser)")
#: Tools that compare the models with the migrations: the file that gives them away, the command, what it says of drift.
_DRIFT = (
    ("manage.py", "python manage.py makemigrations --check --dry-run", re.compile(r"Migrations for '")),
    ("alembic.ini", "alembic check", re.compile(r"New upgrade operations detected")),
    ("migrations/alembic.ini", "flask db check", re.compile(r"New upgrade operations detected")),
)


@probe(
    "X-P2",
    title="migrates from nothing",
    tier=1,
    needs=("web", "database"),
    does="Runs the release command on an empty database of the engine that production has, uses the app on it, and has "
    "the app's own tool (Django, Alembic) compare models and migrations.",
    proved="It succeeds, the app works with what it made, and no model is ahead of the migrations.",
    refuted="The engine refuses a migration, or models have changed that no migration knows: production would not get "
    "the schema that was developed with.",
    fix="Write and try migrations on production's engine, and commit one with each change of a model.",
    rules=("XII-01", "X-01"),
    bare=True,
    mutation=Mutation(
        "has a migration in SQLite's dialect",
        {"schema.py": (('"CREATE INDEX effects_of_job ON effects (job);"',
                        '"CREATE TABLE tags (id integer PRIMARY KEY AUTOINCREMENT)"'),)},
    ),
)  # fmt: skip
async def migrates_from_nothing(trial: Trial) -> Outcome:
    prepare = trial.subject.prepare
    if prepare is None:
        raise CannotProve("nothing says how its schema is made", EXAMPLES["prepare"])
    await trial.backing.attach(empty=True)
    service = trial.backing.of_kind("postgres")
    assert service is not None, "the probe needs one"
    trial.saw("service", f"an empty database of postgres {await asyncio.to_thread(_version, service)}")
    finished = await trial.one_off(prepare, timeout=120.0)
    if not finished.ok:
        for line in finished.lines[-6:]:
            trial.saw("log", line.text, "run")
        if _LACKING.search(finished.output):
            raise CannotProve(f"the engine here lacks an extension: {_LACKING.findall(finished.output)[0]}")
        if match := next((line.text for line in finished.lines if _REFUSED.search(line.text)), None):
            return refuted(f"{prepare} fails on an empty database: {match.strip()[:160]}")
        raise CannotProve(f"{prepare}: {finished}: {finished.lines[-1].text[:160] if finished.lines else 'no output'}")
    tally = await trial.traffic.some([await trial.start()], 2)
    if tally.problems:
        return refuted(f"on a database that {prepare} has made, {tally.problems[0]}")
    root = Path(trial.subject.runnable.directory)
    for sign, command, drift in _DRIFT:
        if (root / sign).is_file():
            checked = await trial.one_off(command)
            if not checked.ok and drift.search(checked.output):
                for line in checked.lines[:6]:
                    trial.saw("log", line.text, "run")
                return refuted(f"models have changed that no migration knows: {command} says so")
            if checked.ok:
                return proved(f"{prepare} made all from nothing, and {command} finds no drift")
            trial.saw("saw", f"{command} could not tell: {checked}")
    return proved(f"{prepare} made from nothing what the app works with")


#: Versions of each language that there are, or will be, as far as code can tell them apart.
_KNOWN: dict[str, list[tuple[int, ...]]] = {
    "python": [(2, 7), *((3, minor) for minor in range(3, 30))],
    "javascript": [(major,) for major in range(4, 50)],
    "java": [(major,) for major in range(6, 50)],
    "go": [(1, minor) for minor in range(10, 60)],
    "ruby": [(major, minor) for major in (2, 3, 4) for minor in range(10)],
    "php": [(5, 6), *((major, minor) for major in (7, 8, 9) for minor in range(10))],
}
_SHOWN = {"python": "Python", "javascript": "Node", "go": "Go", "ruby": "Ruby", "php": "PHP", "java": "Java"}
_RUNTIMES = {"python": "python", "node": "javascript"}


@probe(
    "X-P3",
    title="the same runtime everywhere",
    tier=0,
    does="Asks the interpreter that the app runs on here for its version, and compares it with what version files, "
    "manifests, Dockerfiles and CI say.",
    proved="There is a version that all of them mean.",
    refuted="Two places mean different versions: the code is tried on one and runs on another.",
    fix="Write one version in one file, and let the image and CI follow it.",
    rules=("X-03", "X-06", "II-08"),
    bare=True,
    mutation=Mutation("has an image of an older Python", add={"Dockerfile": "FROM python:3.8-slim\nCOPY . .\n"}),
)
async def same_runtime(trial: Trial) -> Outcome:
    subject = trial.subject
    tree = Path(subject.runnable.directory)
    stated = [*await asyncio.to_thread(stated_runtimes, tree), *await asyncio.to_thread(_of_manifest, tree)]
    name, _, version = subject.build.runtime.partition(" ")
    own = _RUNTIMES.get(name)
    meant = [one for one in stated if _allowed(one)]
    for one in meant:
        trial.saw("saw", str(one))
    for index, one in enumerate(meant):
        for other in meant[index + 1 :]:
            if one.language == other.language and not _allowed(one) & _allowed(other):
                return refuted(f"{_SHOWN[one.language]}: {one}, and {other}")
    if own is None:
        if not meant:
            return not_applicable("it runs on no interpreter that Tolv chooses")
        return proved(f"{len(meant)} places agree on {', '.join(sorted({_SHOWN[one.language] for one in meant}))}")
    finished = await trial.one_off(f"{name} --version", bare=True)
    running = parse_version(finished.output.strip().rpartition(" ")[2].lstrip("v")) or parse_version(version)
    shown = ".".join(map(str, running))
    trial.saw("saw", f"here it runs on {name} {shown}")
    mine = [one for one in meant if one.language == own]
    if not mine:
        raise CannotProve(
            f"nothing says which {_SHOWN[own]} is meant: here it happens to be {shown}", *_add(own, running)
        )
    away = [one for one in mine if running[: 1 if own == "javascript" else 2] not in _allowed(one)]
    if away:  # the operator asked for another one, or only an image says it
        return advisory(f"here it runs on {name} {shown}, and {away[0]}")
    return proved(f"{name} {shown}, as {', '.join(dict.fromkeys(one.path for one in mine))}")


def _add(language: str, running: tuple[int, ...]) -> Iterable[str]:
    word = {"javascript": "node"}.get(language, language)
    return ("[build]", f'{word} = "{".".join(map(str, running[:2]))}"')


def _of_manifest(tree: Path) -> list[Statement]:
    """What `[build]` of tolv.toml says."""
    said = read_manifest(tree / "tolv.toml").build
    return [Statement(language, (str(said[key]),), "tolv.toml") for key, language in _RUNTIMES.items() if said.get(key)]


def _allowed(one: Statement) -> frozenset[tuple[int, ...]]:
    """The known versions that a statement means; none: it cannot be told."""
    found: set[tuple[int, ...]] = set()
    for text in one.versions:
        text = re.sub(r"^(?:python|ruby|node|php)-", "", text.strip())
        text = re.sub(r"!=[^,|]*", "", text)
        if one.language in ("javascript", "java"):
            text = re.sub(r"(\d+)\.\d+(?:\.\d+)?", r"\1", text)
        else:
            text = re.sub(r"(\d+\.\d+)\.\d+", r"\1", text)
        if one.language == "go" and one.path.endswith(("go.mod", "go.work")) and text[:1].isdigit():
            text = f">={text}"
        try:
            fitting = {version for version in _KNOWN.get(one.language, ()) if satisfies(version, text)}
        except ValueError:
            return frozenset()
        if not any(part.isdigit() for part in text):
            return frozenset()
        found |= fitting
    return frozenset(found)
