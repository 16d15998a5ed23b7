"""VIII Concurrency: process types, and how they run (VIII-01 to VIII-03)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.facts.built_elsewhere import built_elsewhere
from tolv.check.facts.samples import is_in_use
from tolv.check.looks.asked import own_workloads
from tolv.check.looks.of_names import bindings_look, calls_look
from tolv.check.looks.queues import queues
from tolv.check.looks.routes import routes
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.unit import Unit
from tolv.codebase.settings import parse_ini
from tolv.codebase.shell import Command, parse_shell
from tolv.codebase.start import Start

_FRAMEWORKS = (
    *(
        "flask",
        "fastapi",
        "django",
        "starlette",
        "aiohttp",
        "tornado",
        "sanic",
        "bottle",
        "falcon",
        "litestar",
        "quart",
    ),
    *("express", "koa", "fastify", "@nestjs/core", "@hapi/hapi", "hono", "restify", "next", "nuxt"),
    *("rails", "sinatra", "laravel/framework", "symfony/framework-bundle", "slim/slim"),
)


def declared_starts(unit: Unit) -> list[Start]:
    """The production processes that some file declares."""
    return [
        one for one in unit.starts if one.prod and not one.release and one.origin not in ("convention", "package.json")
    ]


@rule(
    "VIII-01",
    severity="warning",
    materials=("manifests",),
    looks=(routes,),
    title="No process types are declared",
    why="Nobody can tell what runs in production, and nothing can scale one kind of work without the others.",
    fix="Declare each process type with its command, in a Procfile: `web: gunicorn app:app`.",
    bad="# a web app without Procfile, image, compose file or manifest",
    good="# Procfile\nweb: gunicorn app:app\nworker: celery -A app worker",
    source="https://12factor.net/concurrency",
    probe="VIII-P3",
)
def no_process_types(unit: Unit) -> Iterator[Outcome]:
    declared = declared_starts(unit)
    if declared:
        types = ", ".join(dict.fromkeys(one.type for one in declared))
        yield Witness(f"process types are declared: {types}", unit.place(declared[0].path, declared[0].line))
        return
    for workload, _ in own_workloads(unit):
        yield Witness(f"{workload.kind} {workload.name} declares a process", unit.place(workload.manifest.path))
        return
    for file in unit.named("manifest.yml", "manifest.yaml", "manifest-*.yml", "manifest-*.yaml"):
        if "applications:" in (unit.text(file.path) or ""):
            yield Witness("the platform's manifest declares the web process", unit.place(file.path, 1))
            return
    if (elsewhere := built_elsewhere(unit)) is not None:
        yield CannotTell(f"{elsewhere} has the image made by a workflow of its own, which says what is started")
        return
    if not unit.uses(*_FRAMEWORKS) and next(iter(unit.seen(routes, "prod")), None) is None:
        yield NotApplicable("no web app and no worker was found")
        return
    manifest = next(iter(unit.packages.manifests), None)
    script = next((one for one in unit.starts if one.origin == "package.json"), None)
    place = unit.place(script.path, script.line) if script else unit.place(manifest or "")
    # Developers' compose files declare them, if not for a deploy.
    theirs = any(service.build is not None for compose in unit.composes for service in compose.services)
    level: Severity | None = "note" if script is not None or theirs else None
    what = "a start script is the only declaration of a process" if script else "no file declares a process type"
    yield Finding(what, place, level, subject="types")


daemons = calls_look(
    "daemons",
    {
        "python": ("os.fork", "os.setsid", "daemon.DaemonContext", "daemonize.Daemonize", "Daemonize", "DaemonContext"),
        "javascript": ("daemonize-process", "daemon", "start-stop-daemon", "daemonize2.setup", "npid.create"),
    },
)
daemon_settings = bindings_look("daemon settings", {"python": ("daemon", "pidfile")})

_PM2 = re.compile(r"\bpm2\s+(start|restart|reload|resurrect)\b")
_DAEMON_WORDS = {
    "gunicorn": ("--daemon", "-D"),
    "uwsgi": ("--daemonize", "-d", "--daemonize2"),
    "celery": ("--detach", "-D", "multi"),
    "nginx": (),
    "puma": ("-d", "--daemon"),
    "unicorn": ("-D", "--daemonize"),
    "sidekiq": ("-d", "--daemon"),
    "thin": ("-d", "--daemonize"),
    "redis-server": ("--daemonize",),
}


@rule(
    "VIII-02",
    severity="error",
    materials=("python", "manifests"),
    looks=(daemons, daemon_settings),
    everywhere=True,
    title="A process puts itself into the background",
    why="The platform sees its child exit and believes it dead: it restarts it, loses its output, and cannot stop it.",
    fix="Stay in the foreground, and leave starting, restarting and stopping to the platform.",
    bad="web: gunicorn --daemon app:app",
    good="web: gunicorn app:app",
    source="https://12factor.net/concurrency",
    probe="VIII-P2",
)
def daemonises(unit: Unit) -> Iterator[Outcome]:
    found = False
    for finding in (*_daemon_starts(unit), *_daemon_code(unit), *_daemon_files(unit)):
        found = True
        yield finding
    declared = declared_starts(unit)
    if not found and declared:
        yield Witness("processes stay in the foreground", unit.place(declared[0].path, declared[0].line))
    elif not found:
        yield NotApplicable("no process is declared")


def _daemon_starts(unit: Unit) -> Iterator[Finding]:
    for start in unit.starts:
        if not start.prod or start.release:
            continue
        what = _daemonised(start)
        if what is not None:
            also = (unit.place(*start.place),) if start.place != (start.path, start.line) else ()
            yield Finding(
                f"{what} goes into the background", unit.place(start.path, start.line), also=also, subject="background"
            )
    for path, command in started_commands(unit):
        detached = command.background and ("nohup" in command.argv[:1] or "setsid" in command.argv[:1])
        if detached or (_PM2.search(command.text) and "--no-daemon" not in command.text):
            yield Finding(
                f"{command.program} goes into the background", unit.place(path, command.line), subject="background"
            )


def _daemonised(start: Start) -> str | None:
    server = start.server or ""
    if server in _DAEMON_WORDS and any(word.partition("=")[0] in _DAEMON_WORDS[server] for word in start.argv[1:]):
        return server
    if server == "forever" or (start.argv and start.argv[0].endswith("/forever")):
        # In a container or under a platform its own supervision adds nothing; with `start` it leaves.
        return "forever"
    if server == "pm2" and "--no-daemon" not in start.argv:
        return "pm2"
    return None


def started_commands(unit: Unit) -> Iterator[tuple[str, Command]]:
    """The commands of the scripts that production starts run, and of the lines themselves."""
    paths = dict.fromkeys(
        path for start in unit.starts if start.prod for path, _ in start.through if path.endswith((".sh", ".bash"))
    )
    for path in paths:
        for command in parse_shell(unit.text(path) or "", path).commands:
            yield path, command
    for start in unit.starts:
        if start.prod and start.origin in ("Procfile", "compose"):
            for command in parse_shell(start.text).commands:
                yield start.path, _moved(command, start.line)


def _moved(command: Command, line: int) -> Command:
    from dataclasses import replace

    return replace(command, line=line)


def _daemon_code(unit: Unit) -> Iterator[Finding]:
    seen = list(unit.seen(daemons, "prod"))
    detached = {one.path for one in seen if one.what.name == "os.setsid"}
    for one in seen:
        call = one.what
        if call.name in ("os.setsid",) or (call.name == "os.fork" and one.path not in detached):
            continue
        if call.name == "os.fork" and any(other.what.name == "os.fork" and other.what.line < call.line for other in seen
                                          if other.path == one.path):  # fmt: skip
            continue
        if re.search(r"(^|\.)(fork|DaemonContext|Daemonize)$|daemon", call.name):
            place = unit.place(one.path, call.line, call.column)
            yield Finding("the process forks itself into the background", place, subject="fork")
    for setting in unit.seen(daemon_settings, "prod"):
        binding = setting.what
        if "gunicorn" not in setting.path or not binding.scope.at_import:
            continue
        if binding.name == "daemon" and binding.value.text == "true":
            yield Finding("gunicorn goes into the background", unit.place(setting.path, binding.line), subject="daemon")


_PID_SETTING = re.compile(r"^\s*[\"']?pid_?file[\"']?\s*[:=]\s*[\"'][^\"'$]+\.pid\b", re.IGNORECASE)
_PID_SCRIPT = re.compile(r"^\s*(export\s+)?PID_?FILE=\S*\.pid\b")


def _daemon_files(unit: Unit) -> Iterator[Finding]:
    for file in unit.named("*.json", "*.yml", "*.yaml", "*.sh", "*.ctl"):
        shipped = file.context == "prod" or (file.context == "docs" and is_in_use(unit, file.path))
        if not shipped or file.size > 1 << 18:
            continue
        text = unit.text(file.path) or ""
        script = file.name.endswith((".sh", ".ctl"))
        if "pid" not in text.lower() or (script and not re.search(r"\bkill\b", text)):
            continue
        if not script and re.search(r"(?m)^\s*-?\s*apiVersion\s*:", text):
            continue  # what a manifest holds is the configuration of whatever it deploys
        pattern = _PID_SCRIPT if script else _PID_SETTING
        number = next((n for n, line in enumerate(text.splitlines(), start=1) if pattern.match(line)), None)
        if number is not None:
            what = "the script finds its server by a pid file" if script else "the server leaves a pid file"
            # A sign of it only: what is told so may stay in the foreground all the same.
            said = f"{what}, as one does that runs in the background"
            yield Finding(said, unit.place(file.path, number), "warning", subject="pid")
    for file in unit.named("*uwsgi*.ini", "uwsgi.ini"):
        if file.context == "prod":
            for one in parse_ini(unit.text(file.path) or "", file.path):
                if one.name in ("daemonize", "daemonize2"):
                    yield Finding("uwsgi goes into the background", unit.place(file.path, one.line), subject="uwsgi")


_WORKERS = re.compile(
    r"\bcelery\b.*\bworker\b|\brqworker\b|\brq\s+worker|\bdramatiq\b|huey_consumer|run_huey|\barq\b|\bsidekiq\b|\bresque|"
    r"queue:(work|listen)|\bhorizon\b|good_job|delayed_job|jobs:work|solid_queue|\bqcluster\b|messenger:consume|"
    r"\bworkers?\b|\bconsumers?\b",
    re.IGNORECASE,
)
_QUEUES = {
    "celery": "celery -A app worker",
    "rq": "rq worker",
    "dramatiq": "dramatiq app.tasks",
    "huey": "huey_consumer app.huey",
    "arq": "arq app.worker.WorkerSettings",
    "django-q": "python manage.py qcluster",
    "sidekiq": "bundle exec sidekiq",
    "resque": "bundle exec rake resque:work",
}


@rule(
    "VIII-03",
    severity="warning",
    materials=("python", "manifests"),
    looks=(queues, routes),
    title="Jobs are queued, but no process type works on them",
    why="What is put into the queue stays there, or somebody starts the worker by hand.",
    fix="Declare the worker beside the web process, such as `worker: celery -A app worker`.",
    bad="# Procfile of an app with Celery tasks\nweb: gunicorn app:app",
    good="web: gunicorn app:app\nworker: celery -A app worker",
    source="https://12factor.net/concurrency",
    probe="VIII-P3",
)
def queue_without_worker(unit: Unit) -> Iterator[Outcome]:
    used = next((one for one in unit.packages.declared if one.name.lower() in _QUEUES and one.group == "main"), None)
    jobs = next((one for one in unit.seen(queues, "prod") if one.what.kind == "job"), None)
    if used is None and jobs is None:
        yield NotApplicable("no queue was found")
        return
    worker = next((one for one in unit.starts if _works(one)), None)
    if worker is not None:
        yield Witness("the queue has its worker", unit.place(worker.path, worker.line))
        return
    for file in unit.named("*.sh"):
        if file.context in ("prod", "admin") and _WORKERS.search(unit.text(file.path) or ""):
            yield Witness("a script starts the worker of the queue", unit.place(file.path))
            return
    declared = declared_starts(unit)
    if not declared or (jobs is None and used is not None and used.language == "python"):
        yield NotApplicable("no job and no process type was found")
        return
    library = used.name.lower() if used is not None else "celery"
    place = unit.place(declared[0].path, declared[0].line)
    also = [unit.place(jobs.path, jobs.what.line)] if jobs is not None else []
    also += [unit.place(used.path, used.line)] if used is not None else []
    fix = f"Declare it: `worker: {_QUEUES.get(library, 'celery -A app worker')}`."
    yield Finding(f"jobs of {library} are queued, but no process type works on them", place, also=tuple(also), fix=fix)


def _works(start: Start) -> bool:
    return start.context != "test" and bool(_WORKERS.search(f"{start.type} {start.text} {' '.join(start.argv)}"))
