"""Factor XII: admin code ships with the app, uses its configuration, and asks before it destroys."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Iterator

from tolv.check.facts.connection import connection_of, is_local, is_open
from tolv.check.looks.clients import clients
from tolv.check.looks.destruction import Destruction, destructions
from tolv.check.model import Finding, NotApplicable, Outcome, Place, Severity, Witness
from tolv.check.rule import rule
from tolv.check.rules.backing_services import origin, shown
from tolv.check.source import Value
from tolv.check.unit import Unit

_SOURCE = "https://12factor.net/admin-processes"
_ADMIN = re.compile(
    r"(?:^|/)(?:scripts?|bin|tools|artifacts|tasks|jobs|commands?|cli|console|management/commands|maintenance|ops|admin|"
    r"cron)/[^/]*$|(?:^|/)(?:db[-_])?(?:reset|purge|clean\w*|flush|drop|clear|prune|wipe|seed\w*|backfill|import|export|"
    r"fix|migrate|populate)[\w-]*\.(?:py|js|ts|mjs|cjs)$",
    re.IGNORECASE,
)
_SCRIPTS = (".py", ".js", ".ts", ".mjs", ".cjs", ".mts", ".cts")
_DEV_SCRIPT = re.compile(r"seed|fixture|demo|sample|example|dev|local|bench|load_?test|mock|fake", re.IGNORECASE)


def is_admin(unit: Unit, path: str) -> bool:
    """Whether a file is run by hand or by a schedule, rather than by a server."""
    if unit.context(path) == "admin":
        return True
    # What a queue works off is no admin task, whatever its directory is called.
    return unit.context(path) == "prod" and _ADMIN.search(path) is not None and "queue" not in path.lower()


@rule(
    "XII-03",
    severity="error",
    materials=("python", "javascript"),
    looks=(clients,),
    title="An admin script has its own connection to a service",
    why="It works on the database that its author meant, whatever the deploy that it runs in.",
    fix="Import the app's configuration, and run the script as a one-off process of the release.",
    bad='db = psycopg2.connect("postgresql://admin@db1.internal/shop")  # scripts/fix_orders.py',
    good="from shop.config import settings; db = psycopg2.connect(settings.database_url)",
    source=_SOURCE,
)
def own_connection(unit: Unit) -> Iterator[Outcome]:
    """A literal address or password at a client in an admin script."""
    any_script = False
    said: set[tuple[str, int]] = set()
    for seen in unit.seen(clients, "admin", "prod"):
        client = seen.what
        if not is_admin(unit, seen.path) or client.kind == "file" or not seen.path.endswith(_SCRIPTS):
            continue
        any_script = True
        for given in client.given:
            if given.part not in ("url", "host"):
                continue
            value = unit.resolve(given.value, seen.path)
            host = _host(value.text or "", given.part) if value.is_text or value.kind == "template" else ""
            if not host or is_open(host):
                if any(True for _ in value.envs()) or value.kind == "name":
                    yield Witness(f"{client.name} takes the app's configuration", Place(seen.path, client.line))
                continue
            path, line = origin(unit, seen.path, given)
            if (path, line) in said:
                continue
            said.add((path, line))
            where = "this machine" if is_local(host) else host
            yield Finding(
                f"this script connects to {shown(client.engine)} on {where} by itself, not by the app's configuration",
                Place(path, line),
                _own_severity(seen.path, host),
                "import the app's configuration, and give its URL to the client",
                subject=client.name,
            )
    if not any_script:
        yield NotApplicable("no admin script connects to a service")


def _host(text: str, part: str) -> str:
    connection = _named_host(text)
    if connection:
        return connection
    return text.partition(":")[0] if part == "host" and re.fullmatch(r"[\w.-]+(?::\d+)?", text) else ""


def _named_host(text: str) -> str:
    """The host that a connection text names; empty: none."""
    connection = connection_of(Value("literal", text, "str"))
    return connection.host if connection is not None and connection.fixed else ""


def _own_severity(path: str, host: str) -> Severity:
    if _DEV_SCRIPT.search(path):
        return "note"
    return "warning" if is_local(host) else "error"


_NEEDED = ("manage.py", "alembic.ini", "migrations", "alembic", "artisan", "Rakefile", "bin/console", "db/migrate")
_TOOLING = re.compile(
    r"lint|test|format|fmt|build|release|deploy|\bci\b|check|docker|docs?|dev|setup|install|bench|coverage|hooks?|"
    r"publish|bump|version|start|stop|serve|watch|generate|codegen|up\b|down\b|clean|package|compile|pre-commit|seed|fixture|update|download"
    r"|\.config\.\w+$",
    re.IGNORECASE,
)
#: What a script is of that works with the app's data or code, not with its sources.
_OF_APP = re.compile(
    r"(?i)database|\bmodels?\b|\bdb\b|prisma|knex|sequelize|mongoose|mongo|\bpg\b|mysql|sqlite|redis|sqlalchemy|django"
    r"|psycopg|active_?record|environment\.rb|require\(\s*[\"']\.\./|from\s+[\"']\.\./|\bapp\b"
)
_CODE = (".py", ".js", ".ts", ".rb", ".php")


@rule(
    "XII-04",
    severity="error",
    materials=("manifests",),
    title="Admin code does not ship with the app",
    why="Migrations and commands cannot be run in the image that is deployed: they run from somebody's checkout, in "
    "another version and with other packages.",
    fix="Let the image hold migrations, commands and scripts, with the dependencies of the app.",
    bad=".dockerignore: migrations/",
    good=".dockerignore: tests/",
    source=_SOURCE,
    probe="XII-P1",
)
def admin_code_left_out(unit: Unit) -> Iterator[Outcome]:
    """What a .dockerignore drops, and scripts with a manifest of their own."""
    images = [one for one in unit.dockerfiles if one.context == "prod"]
    found = False
    if images:
        for file in unit.named(".dockerignore", "*.dockerignore"):
            for finding in list(_ignored(unit, file.path))[:1]:
                found = True
                yield finding
    for file in unit.named("requirements*.txt", "package.json", "pyproject.toml", "Gemfile", "composer.json"):
        directory = posixpath.basename(file.directory)
        if re.fullmatch(r"scripts?|admin|maintenance|jobs|cron|tasks", directory) and file.directory != unit.root:
            code = [
                one for one in unit.files
                if one.directory == file.directory and one.name.endswith(_CODE) and not _TOOLING.search(one.name)
            ]  # fmt: skip
            if code and file.context in ("prod", "admin"):
                found = True
                yield Finding(
                    f"the scripts beside it have dependencies of their own ({file.name}), not those of the app",
                    Place(file.path, 1),
                    "warning",
                    f"declare what {file.directory}/ needs with the app's dependencies, and remove this file",
                    also=tuple(Place(one.path) for one in code[:5]),
                )
    if not images and not found:
        yield NotApplicable("no image is built that admin code could be left out of")
    elif not found and any(_needed(unit)):
        yield Witness("migrations and commands are in the image", Place(next(_needed(unit))))


def _needed(unit: Unit) -> Iterator[str]:
    for file in unit.files:
        if file.context in ("migrations", "admin", "prod") and any(
            f"/{file.path}".endswith(f"/{one}") or f"/{one}/" in f"/{file.path}" for one in _NEEDED
        ):
            yield file.path


def _ignored(unit: Unit, path: str) -> Iterator[Finding]:
    lines = (unit.text(path) or "").splitlines()
    root = posixpath.dirname(path)
    needed = [posixpath.relpath(one, root or ".") for one in _needed(unit)]
    scripts = [
        posixpath.relpath(file.path, root or ".")
        for file in unit.files
        if file.context in ("admin", "prod") and re.search(r"(?:^|/)(?:scripts|bin|tasks)/", file.path)
        and file.name.endswith(_CODE) and not _TOOLING.search(file.path) and not _STUDIES.search(file.path)
        and _OF_APP.search(unit.text(file.path) or "")
    ]  # fmt: skip
    kept = [line.strip()[1:].strip("/") for line in lines if line.strip().startswith("!")]
    if "*" in (line.strip() for line in lines):
        return  # a list of what is let in: what it names is for another reader
    for number, raw in enumerate(lines, start=1):
        pattern = raw.strip().strip("/")
        if not pattern or pattern.startswith(("#", "!")):
            continue
        for files, severity, what in ((needed, None, "migrations and commands"), (scripts, "warning", "admin scripts")):
            dropped = [one for one in files if _drops(pattern, one) and not any(_drops(keep, one) for keep in kept)]
            if dropped and not (severity and len(scripts) < 1):
                yield Finding(
                    f"{pattern} keeps {what} out of the image ({dropped[0]})",
                    Place(path, number),
                    severity,  # type: ignore[arg-type]
                    f"remove {pattern} from {path}, so that they run in the image that is deployed",
                    subject=pattern,
                )
                break


#: Scripts that study what the app has kept, on the machine of who wants to know.
_STUDIES = re.compile(
    r"(?i)analy(?:s[ei]s|tics|[sz]e)|benchmark|(?:^|[/_-])(?:stats|statistics|research|notebooks?)(?:[/._-]|$)"
)


def _drops(pattern: str, path: str) -> bool:
    """Whether a pattern of a .dockerignore matches a file or a directory above it."""
    pattern = (
        pattern.removeprefix("./").removeprefix("**/") if pattern.startswith("**/") else pattern.removeprefix("./")
    )
    parts = path.split("/")
    return any(fnmatch.fnmatchcase("/".join(parts[:length]), pattern) for length in range(1, len(parts) + 1))


_CRON_LINE = re.compile(
    r"^\s*(?:[#>$]\s*)?(?:@(?:hourly|daily|weekly|reboot)|(?:[\d*/,-]+\s+){4}[\d*/,a-zA-Z-]+)\s+(\S.*)$"
)
_EDIT = re.compile(r"\bcrontab\s+-[eu]|/etc/cron(?:tab|\.)|sudo\s+crontab")
_RUNS = re.compile(
    r"\b(?:rake|manage\.py|artisan|bundle|rails|flask|python3?|php|node|npm|yarn|docker|curl|wget|java|\./\S+|sh|bash|"
    r"psql|mysql|pg_dump|mysqldump)\b|\.(?:py|sh|rb|php|js)\b"
)
_SSH = re.compile(
    r"\bssh\s+(?:-\S+\s+(?:[^-\s]\S*\s+)?)*[\w.${}@-]+\s+.*\b(?:manage\.py|rake|artisan|rails|flask|alembic|psql|mysql|"
    r"npm run|php|python3?|bundle exec|docker(?:-compose)? exec)\b"
)
#: What stands before a command in a document: nothing, a prompt, another command, or the mark of code.
_COMMAND = re.compile(r"(?:^\s*(?:[$>#%]\s*)?(?:sudo |exec )?|[`;&|]\s*|\b[A-Z_]+=\S*\s)$")
_IN_CONTAINER = re.compile(r"supercronic|crond?\b|busybox", re.IGNORECASE)


@rule(
    "XII-05",
    severity="warning",
    materials=("manifests",),
    everywhere=True,
    title="Admin work is done on the host, by cron or ssh",
    why="The host is a part of no release: the job runs another version, without the app's configuration, and is lost "
    "with the machine.",
    fix="Run it as a one-off or scheduled process of the release: a CronJob, the platform's scheduler, a clock.",
    bad="crontab: */10 * * * * cd /srv/app && rake fetch_feeds",
    good="Procfile: clock: supercronic crontab",
    source=_SOURCE,
)
def work_on_the_host(unit: Unit) -> Iterator[Outcome]:
    """Crontabs for a host, in files and in instructions, and commands that are run through ssh."""
    found = False
    contained = any(
        _IN_CONTAINER.search(instruction.text)
        for dockerfile in unit.dockerfiles
        for instruction in dockerfile.instructions
    )
    for file in unit.named("*.md", "*.rst", "*.adoc", "README*", "INSTALL*", "*crontab*", "*.cron",
                           "cron.d/*", "*/cron.d/*", "*.sh", "Makefile", "*.yml",
                           "*.yaml", "schedule.rb", "Vagrantfile"):  # fmt: skip
        if file.context in ("test", "vendored", "generated") or file.size > 300_000:
            continue
        if re.search(r"changelog|history|news|security|contributing|code_of", file.name, re.IGNORECASE):
            continue
        text = unit.text(file.path) or ""
        if "cron" not in text and "ssh" not in text and "cron" not in file.path and "every " not in text:
            continue
        for line, what in _on_host(text, file.path):
            found = True
            yield Finding(
                what,
                Place(file.path, line),
                "note" if contained and "ssh" not in what else None,
                None,
            )
            break
    if not found:
        scheduled = next((file for file in unit.named("*cronjob*.y*ml", "*CronJob*.y*ml")), None)
        if scheduled is not None:
            yield Witness("scheduled work is declared to the platform", Place(scheduled.path))


def _on_host(text: str, path: str) -> Iterator[tuple[int, str]]:
    name = path.rpartition("/")[2]
    lines = [line[:500] for line in text.splitlines()]
    documents = name.lower().endswith((".md", ".rst", ".adoc")) or name.upper().startswith(("README", "INSTALL"))
    crontab = "cron" in name and not documents and not name.endswith((".yml", ".yaml", ".sh"))
    if name == "schedule.rb" and re.search(r"(?m)^\s*every\b.*\bdo\b", text):
        row = next(n for n, line in enumerate(lines, start=1) if re.match(r"\s*every\b", line))
        yield row, "Whenever writes the schedule into the crontab of a host"
        return
    edits = [n for n, line in enumerate(lines, start=1) if _EDIT.search(line)] if not crontab else []
    for number, line in enumerate(lines, start=1):
        if (ssh := _SSH.search(line)) and not line.lstrip().startswith("#"):
            if documents and not _COMMAND.search(line[: ssh.start()]):
                continue  # a sentence on it
            yield number, "an admin command is run on the host through ssh"
            return
        match = _CRON_LINE.match(line)
        if not match or not _RUNS.search(match[1]) or (not documents and line.lstrip().startswith("#")):
            continue
        near = [n for n in edits if abs(n - number) <= 8]
        if crontab or near:
            yield (near[0] if near else number), "work of the app is left to the cron of a host"
            return


_ASIDE = re.compile(r"command|click|typer|\bcli\b|task", re.IGNORECASE)


@rule(
    "XII-06",
    severity="note",
    materials=("python", "javascript"),
    looks=(destructions,),
    title="An admin task destroys data without asking",
    why="Run against the wrong deploy, or once too often, it cannot be undone.",
    fix="Say first what would go (--dry-run), ask, and make a copy.",
    bad="def reset(): db.drop_all()",
    good='def reset(): click.confirm(f"drop all tables of {url.host}?", abort=True); db.drop_all()',
    source=_SOURCE,
)
def destroys_unasked(unit: Unit) -> Iterator[Outcome]:
    """Drops, flushes and deletions without a condition in scripts and commands."""
    said: set[str] = set()
    asked: Place | None = None
    for seen in unit.seen(destructions, "prod", "admin"):
        one = seen.what
        if seen.path in said or not _is_task(unit, seen.path, one):
            continue
        if one.asks:
            asked = asked or Place(seen.path, one.line)
            continue
        said.add(seen.path)
        yield Finding(
            f"{one.name} destroys {one.what} without a question, a dry run or a copy",
            Place(seen.path, one.line),
            None,
            f"list what would go with --dry-run, and ask for the name of the database before {one.name}",
            subject=one.name,
        )
    if asked is not None and not said:
        yield Witness("what destroys data asks before", asked)


def _is_task(unit: Unit, path: str, one: Destruction) -> bool:
    if re.search(r"migrations?/|versions/|alembic", path) or one.scope.function in ("downgrade", "down"):
        return False
    return is_admin(unit, path) or any(_ASIDE.search(text) for text in one.decorators)
