"""IX Disposability: how a stop reaches the server (IX-03), and how long it may take (IX-07)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Witness
from tolv.check.rule import rule
from tolv.check.unit import Unit
from tolv.codebase.kubernetes import workloads
from tolv.codebase.launch import launched
from tolv.codebase.settings import parse_ini
from tolv.codebase.shell import parse_shell
from tolv.codebase.start import Start

#: Parents that do not hand TERM to what they started, or only in a fashion.
_DEAF = frozenset({"sh", "bash", "dash", "ash", "busybox", "zsh", "npm", "yarn", "pnpm", "npx", "bun", "sudo"})
_INITS = frozenset({"tini", "tini-static", "dumb-init", "catatonit", "docker-init", "s6-svscan", "init"})

#: The signal on which a server finishes what it is doing, where that is not TERM.
_GRACEFUL = {
    "nginx": ("QUIT",),
    "php-fpm": ("QUIT",),
    "apache2": ("WINCH",),
    "httpd": ("WINCH",),
    "unicorn": ("QUIT",),
    "puma": ("TERM", "INT"),
    "gunicorn": ("TERM",),
    "uvicorn": ("TERM", "INT"),
    "node": ("TERM",),
    "celery": ("TERM",),
    "sidekiq": ("TERM", "TSTP"),
}
_SERVER = re.compile(
    r"(?:^|[\s/'\"])(nginx|php-fpm|apache2|httpd|unicorn|puma|gunicorn|uvicorn|celery|sidekiq)[\d.]*\b"
)


@rule(
    "IX-03",
    severity="warning",
    materials=("manifests",),
    title="The signal to stop does not reach the server",
    why="A shell or npm that stays in front of the server keeps TERM to itself: after the grace period everything is "
    "killed, with requests in flight.",
    fix='Use the exec form, `CMD ["gunicorn", "app:app"]`; in a script, start the server with `exec`.',
    bad="CMD alembic upgrade head && uvicorn app:app",
    good='CMD ["./boot.sh"]  # which ends in: exec uvicorn app:app',
    source="https://12factor.net/disposability",
    probe="IX-P3",
)
def signal_lost(unit: Unit) -> Iterator[Outcome]:
    said = False
    for outcome in (*_fronted(unit), *_looped(unit), *_stop_signals(unit), *_supervised(unit)):
        said = True
        yield outcome
    if not said:
        yield NotApplicable("no container and no supervisor is declared")


def _fronted(unit: Unit) -> Iterator[Outcome]:
    """Containers whose first process is a shell or npm."""
    told: set[tuple[str, int]] = set()
    inits = {(compose.path, one.name) for compose in unit.composes for one in compose.services if one.init}
    for start in unit.starts:
        if not start.prod or start.release or start.origin not in ("Dockerfile", "compose", "kubernetes"):
            continue
        place = (start.path, start.line)
        if place in told or start.context not in ("prod", "dev") or start.command.background:
            continue  # what runs beside the process that stays gets no signal anyway
        told.add(place)
        deaf = [one for one in start.parents if one in _DEAF]
        held = _INITS & set(start.wrappers) or "supervisord" in start.parents or (start.path, start.type) in inits
        if not deaf:
            if start.server is not None:
                yield Witness(f"{start.server} is started without a shell in front of it", unit.place(*place))
        elif not held and not _is_one_off(start):
            names = " and ".join(dict.fromkeys(deaf))
            stays = "stays in front of {} and keeps" if len(set(deaf)) == 1 else "stay in front of {} and keep"
            also = tuple(unit.place(path, line) for path, line in start.through if path != start.path)
            server = start.server or "the server"
            handed = any(_HANDS_OVER.search(unit.text(path) or "") for path, _ in start.through)
            yield Finding(
                f"{names} {stays.format(server)} TERM to {'itself' if len(set(deaf)) == 1 else 'themselves'}",
                unit.place(*place),
                # The command is what the script is given, on another way through it.
                severity="note" if handed and start.origin == "Dockerfile" else None,
                also=(*also, unit.place(*start.place)),
                subject="signal",
                fix=_exec_fix(start),
            )


_HANDS_OVER = re.compile(r"(?m)^\s*exec [^#\n]*\"?\$\{?@")


def _is_one_off(start: Start) -> bool:
    return bool(re.search(r"setup|init|migrat|seed|build|test", start.type)) or start.server in ("build.sh", "rake")


def _exec_fix(start: Start) -> str | None:
    if start.origin == "Dockerfile" and not start.through and start.argv and start.parents[-1:] == ("sh",):
        words = ", ".join(f'"{word}"' for word in (*start.wrappers, *start.argv)[:12])
        if "$" not in words:
            return f"Write CMD [{words}]; what runs before it goes to a release step, or a script that ends in `exec`."
    return None


def _looped(unit: Unit) -> Iterator[Outcome]:
    """Compose commands whose shell runs the app in a loop, so that no start could be told."""
    known = {(one.path, one.line) for one in unit.starts}
    for compose in unit.composes:
        for service in compose.services:
            line = service.command or service.entrypoint
            if line is None or service.build is None or service.init or (compose.path, line.line) in known:
                continue
            if compose.context not in ("prod", "dev"):
                continue
            text = _shell_text(line.argv, line.text)
            commands = parse_shell(text).commands if text else ()
            if len(commands) > 1 and not any(one.exec for one in commands):
                place = unit.place(compose.path, line.line)
                yield Finding("a shell stays in front of the server and keeps TERM to itself", place, subject="signal")


def _shell_text(argv: tuple[str, ...] | None, text: str) -> str | None:
    """What a command of compose gives to a shell."""
    if argv is None:
        commands = parse_shell(text).commands
        argv = commands[0].argv if len(commands) == 1 else ()
    return launched(argv).shell_text


def _stop_signals(unit: Unit) -> Iterator[Outcome]:
    for dockerfile in unit.dockerfiles:
        one = dockerfile.last("STOPSIGNAL")
        if one is not None and one.text.strip().upper() in ("SIGKILL", "KILL", "9"):
            yield Finding("STOPSIGNAL KILL leaves the server no time", unit.place(dockerfile.path, one.line))
    for start in unit.starts:
        if start.prod and start.server == "uwsgi" and not _dies_on_term(unit, start):
            message = "uwsgi before 2.1 reloads on TERM instead of stopping"
            fix = "Set `die-on-term = true`."
            yield Finding(message, unit.place(start.path, start.line), subject="uwsgi", fix=fix)


def _dies_on_term(unit: Unit, start: Start) -> bool:
    if any("die-on-term" in word for word in start.argv) or any("DIE_ON_TERM" in name for name, _ in start.env):
        return True
    return any("die-on-term" in (unit.text(file.path) or "") for file in unit.named("*.ini", "*uwsgi*", "*.yaml"))


def _supervised(unit: Unit) -> Iterator[Outcome]:
    """Servers below supervisord or s6, which send TERM unless told otherwise."""
    for file in unit.named("*supervisor*.conf", "*/supervisor/*.conf", "*/supervisor*/*.conf", "supervisord.ini"):
        if unit.context(file.path) != "prod":
            continue
        settings = parse_ini(unit.text(file.path) or "", file.path, comments=";#")
        for command in (one for one in settings if one.name == "command"):
            stop = settings.get(command.key.removesuffix("command") + "stopsignal")
            server = _SERVER.search(command.value)
            sent = (stop.value.strip().upper().removeprefix("SIG") if stop else "TERM") or "TERM"
            if server is None or sent in _GRACEFUL[server[1]]:
                continue
            yield _misfit(unit, server[1], sent, file.path, stop.line if stop else command.line, command.line)
    for file in unit.named("run"):
        if unit.context(file.path) == "prod" and re.search(r"services?(\.d)?/|s6|/sv/|runit", file.path):
            for number, line in enumerate((unit.text(file.path) or "").splitlines(), start=1):
                server = _SERVER.search(line) if not line.startswith("#") else None
                if server is not None and "TERM" not in _GRACEFUL[server[1]]:
                    yield _misfit(unit, server[1], "TERM", file.path, number, number)
                    break


def _misfit(unit: Unit, server: str, sent: str, path: str, line: int, also: int) -> Finding:
    wanted = _GRACEFUL[server][0]
    return Finding(
        f"the supervisor sends {sent} to {server}, which finishes its requests on {wanted} only",
        unit.place(path, line),
        also=(unit.place(path, also),) if also != line else (),
        subject=server,
        fix=f"Have it send {wanted} (`stopsignal={wanted}` of supervisord, a `down-signal` file of s6).",
    )


_SPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


def _seconds(text: str) -> int | None:
    match = _SPAN.fullmatch(text.strip().strip("'\""))
    if match is None or not any(match.groups()):
        return None
    hours, minutes, seconds = (int(one or 0) for one in match.groups())
    return hours * 3600 + minutes * 60 + seconds


@rule(
    "IX-07",
    severity="note",
    materials=("manifests",),
    title="The grace period is shorter than what the server takes to stop",
    why="The platform kills the process while the server still finishes requests, so draining is for nothing.",
    fix="Give the platform a longer grace period than the server, by some seconds.",
    bad="command: gunicorn --graceful-timeout 60 app:app\nstop_grace_period: 20s",
    good="command: gunicorn --graceful-timeout 60 app:app\nstop_grace_period: 70s",
    source="https://12factor.net/disposability",
    probe="IX-P2",
)
def grace_misfit(unit: Unit) -> Iterator[Outcome]:
    wanted = _graceful_timeouts(unit)
    said = False
    for compose in unit.composes:
        for service in compose.services:
            if service.stop_grace is None or service.build is None:
                continue
            said = True
            grace = _seconds(service.stop_grace.value)
            place = (compose.path, service.stop_grace.line)
            yield from _compared(unit, grace, wanted.get((compose.path, service.name)) or wanted.get(None), place)
    for manifest in unit.kubernetes:
        for workload in workloads(manifest):
            if workload.grace is None:
                continue
            said = True
            needed = wanted.get((manifest.path, workload.name)) or wanted.get(None)
            yield from _compared(unit, _seconds(workload.grace.value), needed, (manifest.path, workload.grace.line))
    if not said:
        yield NotApplicable("no grace period is declared")


def _compared(
    unit: Unit, grace: int | None, wanted: tuple[int, str, int] | None, place: tuple[str, int]
) -> Iterator[Outcome]:
    if grace is None:
        yield CannotTell("the grace period is set by a variable")
    elif wanted is not None and grace < wanted[0]:
        also = (unit.place(wanted[1], wanted[2]),)
        yield Finding(
            f"the grace period is {grace} s, but the server takes up to {wanted[0]} s to stop",
            unit.place(*place),
            also=also,
            fix=f"Make it {wanted[0] + 10} s or more, or the server's timeout shorter.",
        )
    else:
        yield Witness(f"the grace period is {grace} s", unit.place(*place))


def _graceful_timeouts(unit: Unit) -> dict[tuple[str, str] | None, tuple[int, str, int]]:
    """How long the server of a start drains, where that is said: by path and type, and for all."""
    found: dict[tuple[str, str] | None, tuple[int, str, int]] = {}
    for start in unit.starts:
        text = start.option("--graceful-timeout", "--timeout-graceful-shutdown") if start.prod else None
        if text and text.isdigit():
            path, line = start.place
            found.setdefault((start.path, start.type), (int(text), path, line))
            if start.type in ("web", "app"):
                found.setdefault(None, (int(text), path, line))
    for file in unit.named("gunicorn*.py", "*gunicorn.py"):
        match = re.search(r"^graceful_timeout\s*=\s*(\d{1,5})\s*$", unit.text(file.path) or "", re.MULTILINE)
        if match is not None and unit.context(file.path) == "prod":
            line = (unit.text(file.path) or "").count("\n", 0, match.start()) + 1
            found.setdefault(None, (int(match[1]), file.path, line))
    return found
