"""VI Processes: work and identity that belong to one process (VI-07, VI-08, VI-09)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.facts.browser import is_browser_script
from tolv.check.look import Seen
from tolv.check.looks.background import Background, background
from tolv.check.looks.files_written import writes_of_files
from tolv.check.looks.made_secrets import made_secrets
from tolv.check.looks.of_names import bindings_look
from tolv.check.looks.reach import Requests, requests_of, unfollowed
from tolv.check.looks.routes import routes
from tolv.check.looks.stage import for_development
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Place, Severity, Witness
from tolv.check.rule import rule
from tolv.check.source import Binding, Value
from tolv.check.unit import Unit
from tolv.codebase.shell import parse_shell

#: Work that each process may do for itself.
_OWN = re.compile(
    r"metric|watch(dog|er|_)|heart_?beat|keep_?alive|monitor|serve(_forever)?$|\.serve|statsd|telemetry|reload|"
    r"run_server|start_server|ping|evict|expire|prune|gc$|signal|profil|listen|log(ger|ging)?$|tail|stdout|stderr|"
    r"read(er|_output)|clear_?cache|refresh_?(token|cache|config)|stop|shutdown|drain",
    re.IGNORECASE,
)
#: What a timer does that touches more than its own process.
_SHARED_WORK = re.compile(
    r"\b(db|prisma|knex|sequelize|mongoose|pool|repository|repo)\.|\.query\(|fetch\(|axios|send_?mail|sendMail|"
    r"\.findMany|\.find\(|\.deleteMany|\.update(Many|One)?\(|request\(|email|invoice|report",
)
_SHORTEST_JOB = 30_000


@rule(
    "VI-07",
    severity="warning",
    materials=("python", "javascript", "go", "ruby"),
    looks=(background, routes),
    title="The web process does background work itself",
    why="The work dies with the process at each deploy, and every web process does it again: jobs run twice or never.",
    fix="Give the work to a queue with a worker process, or to a scheduler of its own process type.",
    bad="Thread(target=send_email, args=(message,)).start()",
    good="queue.enqueue(send_email, message)",
    source="https://12factor.net/processes",
    probe="VIII-P4",
)
def background_in_web(unit: Unit) -> Iterator[Outcome]:
    requests = requests_of(unit)
    if not requests:
        yield NotApplicable("no web process was found")
        return
    found = False
    told: set[tuple[str, str]] = set()
    for seen in unit.seen(background, "prod"):
        one = seen.what
        if (
            is_browser_script(unit, seen.path)
            or _is_own_work(one)
            or _has_own_process(unit, seen)
            or (one.what.endswith("schedule.every") and not _runs_pending(unit))
            or not _in_web(seen, requests)
        ):
            continue
        if one.kind == "scheduler" and (seen.path, one.what) in told:
            continue
        if seen.path.endswith(".rb") and _is_elsewhere(unit, seen, requests):
            continue
        told.add((seen.path, one.what))
        found = True
        yield _background_finding(unit, seen, requests)
    if not found and (language := unfollowed(unit, background)):
        yield CannotTell(f"background work in {language.capitalize()} is not followed")
    elif not found:
        yield Witness("no thread, timer or scheduler of the web process does background work", _first_route(unit))


def _background_finding(unit: Unit, seen: Seen[Background], requests: Requests) -> Finding:
    one = seen.what
    place = unit.place(seen.path, one.line, one.column)
    target = f"{one.target} runs" if re.fullmatch(r"[\w.]+", one.target) else "work runs"
    if one.what == "go":
        message = f"{one.target} runs on a goroutine of the web process that nobody waits for"
        return Finding(message, place, subject="goroutine")
    if one.target == "every job":
        return Finding("jobs run on threads of the web process and die with it", place, subject="jobs")
    if one.kind == "thread":
        return Finding(f"{target} on a thread of the web process and dies with it", place, subject="thread")
    if one.kind == "task":
        # The response may promise what never happens; what only notifies loses less.
        light = bool(re.search(r"log|track|notif|metric|clean|remove|delete|unlink|close", one.target, re.IGNORECASE))
        level: Severity | None = "note" if light else None
        return Finding(f"{target} in the web process after the response and dies with it", place, level, subject="task")
    name = one.what.rpartition(".")[2]
    named = f"{one.target} {one.function or ''}"
    if _CLEANS.search(named) or (_CLEANS.search(one.around) and not _COUNTS.search(one.around)):
        message = f"every web process runs the schedule of {name}; what it cleans up, any of them may"
        return Finding(message, place, "note", subject=name)
    return Finding(f"every web process runs the schedule of {name} for itself", place, subject=name)


#: Work that comes to the same however often it is done: what is gone stays gone.
_CLEANS = re.compile(
    r"(?i)clean|prun(?:e|ing)|purg(?:e|ing)|expir|evict|garbage|vacuum|sweep|tidy|(?:remove|delete|drop|clear)_?(?:all_?)?"
    r"(?:old|stale|expired|unused|orphan|outdated|dead|temp)"
)


#: Work that is done twice when two do it.
_COUNTS = re.compile(r"(?i)send|mail|notif|charge|invoice|publish|import|export|increment|insert|create|enqueue|post\(")


def _is_own_work(one: Background) -> bool:
    if one.locked or one.waited or any(_skips(guard) for guard in one.guards):
        return True
    named = f"{one.target} {one.function or ''}"
    if one.kind in ("thread", "timer") and _OWN.search(named):
        return True
    if one.kind == "timer":
        return one.interval is None or one.interval < _SHORTEST_JOB or not _SHARED_WORK.search(one.around)
    return False


def _skips(guard: str) -> bool:
    """A condition that lets only one process, or none of the web, come here."""
    return bool(re.search(r"__main__|RUN_SCHEDULER|WORKER|isMaster|is_leader|cluster\.|process_type", guard))


def _in_web(seen: Seen[Background], requests: Requests) -> bool:
    if requests.way_to(seen.path, seen.what.line, seen.what.function, seen.what.owner):
        return True
    if seen.what.kind == "task":
        return True
    if seen.what.what == "go":
        # One binary: only what lies below cmd/ is a program of its own.
        return not seen.what.script and not re.search(r"(^|/)cmd/(?!(web|server|app|api)/)", seen.path)
    return not seen.what.script and not re.search(
        r"(^|/)(workers?|jobs?|tasks?|cron|clock|scheduler|commands?|management|scripts?|bin|cli|consumers?|daemon)(/|\.|_)",
        seen.path,
    )


def _runs_pending(unit: Unit) -> bool:
    """Whether what `schedule.every` plans is run on a thread: it only plans, and who runs it may be a process of its
    own."""
    for file in unit.files:
        source = unit.source(file.path) if file.language == "python" and file.context == "prod" else None
        words = source.words if source is not None else frozenset()
        if b"run_pending" in words and words & {b"Thread", b"Timer", b"start_new_thread", b"daemon"}:
            return True
    return False


def _has_own_process(unit: Unit, seen: Seen[Background]) -> bool:
    """Whether a process type besides the web one starts this file."""
    stem = seen.path.rpartition("/")[2].partition(".")[0]
    for start in unit.starts:
        if start.type == "web":
            continue
        if start.entry == seen.path or re.search(rf"\b{re.escape(stem)}\b", start.text):
            return True
        for word in start.argv:
            source = unit.source(word) if seen.what.owner and word.endswith((".rb", ".py", ".js")) else None
            if source is not None and (seen.what.owner or "").encode() in source.words:
                return True  # another process makes the object that does it
    return False


def _is_elsewhere(unit: Unit, seen: Seen[Background], requests: Requests) -> bool:
    """Whether the app has other processes that may do it, and no request leads to it: which process loads a class of
    Ruby cannot be told."""
    others = any(start.type not in ("web", "release") and start.prod for start in unit.starts)
    one = seen.what
    if one.target == "every job":
        return False
    return others and one.kind == "thread" and not requests.way_to(seen.path, one.line, one.function, one.owner)


def _first_route(unit: Unit) -> Place | None:
    seen = next(iter(unit.seen(routes, "prod", "admin")), None)
    return unit.place(seen.path, seen.what.line) if seen else None


secret_bindings = bindings_look(
    "secrets made up",
    {
        "python": ("secret", "signing", "jwt_key", "session_key", "fernet"),
        "javascript": ("secret", "signing", "jwtkey"),
    },
)
_RANDOM = re.compile(
    r"(^|\.)(urandom|token_(hex|bytes|urlsafe)|uuid4|uuid1|get_random_secret_key|generate_key|get_random_string|"
    r"SystemRandom|randomBytes|randomUUID|choices|nanoid|uuidv4|v4|generate_secret)(\.|$)"
)
_SIGNING = re.compile(r"secret|signing|jwt_?key|session_?key|fernet", re.IGNORECASE)
_NO_KEY = re.compile(r"client_?secret|shared_?secret|totp|otp|user|hash|reset|verify|webhook_?secret", re.IGNORECASE)


@rule(
    "VI-08",
    severity="error",
    materials=("python", "javascript", "go", "ruby", "manifests"),
    looks=(secret_bindings, made_secrets, writes_of_files),
    title="A process makes up its own secret",
    why="Each process and each restart has another key: sessions and tokens that one signs, the others reject.",
    fix="Read the secret from the environment, and refuse to start without it.",
    bad="app.secret_key = os.urandom(24)",
    good='app.secret_key = os.environ["SECRET_KEY"]',
    source="https://12factor.net/processes",
    probe="VI-P1",
)
def secret_made_up(unit: Unit) -> Iterator[Outcome]:
    found = given = False
    bound = [(one.path, one.what) for one in unit.seen(secret_bindings, "prod", "dev")]
    for seen in unit.seen(secret_bindings, "prod", "dev"):
        one = seen.what
        if not _is_signing_key(one):
            continue
        value = unit.resolve(one.value, seen.path)
        place = unit.place(seen.path, one.line, one.column)
        made, open_to_change = _made_up(value)
        if made:
            found = True
            # Made up only where what was read before it, a variable or a file, gave nothing.
            open_to_change |= any(
                path == seen.path and other.name == one.name and other.line != one.line and not _made_up(other.value)[0]
                for path, other in bound
            )
            when = " unless something gives it" if open_to_change else ""
            message = f"{one.name} is random at each start{when}: what one process signs, the next does not accept"
            yield Finding(message, place, "warning" if open_to_change else None, subject=one.name)
        elif value.kind == "env" and not given:
            given = True
            yield Witness(f"{one.name} is given by the environment", place)
    for made_secret in unit.seen(made_secrets, "prod"):
        found = True
        name = made_secret.what.name
        message = f"{name} is random at each start unless a setting gives it: each process has another"
        yield Finding(message, unit.place(made_secret.path, made_secret.what.line), "warning", subject=name)
    for seen_write in unit.seen(writes_of_files, "prod", "admin"):
        write = seen_write.what
        named = write.generated and re.search(r"secret|key\b|_key|\.pem", write.path, re.I)
        if (named or write.secret) and not write.temporary:
            found = True
            place = unit.place(seen_write.path, write.line, write.column)
            yield Finding("a secret is made up and kept in a local file", place, "warning", subject="file")
    for path, line in _made_by_scripts(unit):
        found = True
        message = "a key is made up at the first start and kept in a local file"
        yield Finding(message, unit.place(path, line), "warning", subject="file")
    if not found and not given:
        yield NotApplicable("no signing key was found")


_MAKES = re.compile(r"^(rand|genrsa|genpkey|ecparam|req|dhparam)$")


def _made_by_scripts(unit: Unit) -> Iterator[tuple[str, int]]:
    """Scripts of production starts that make keys with openssl or ssh-keygen."""
    paths = [path for start in unit.starts if start.prod for path, _ in start.through]
    for path in dict.fromkeys(paths):
        text = unit.text(path) or ""
        if not re.search(r"openssl|ssh-keygen", text) or not (text.startswith("#!") or path.endswith(".sh")):
            continue
        for command in parse_shell(text, path).commands:
            made = command.program == "openssl" and len(command.argv) > 1 and _MAKES.match(command.argv[1])
            if made and command.argv[1] == "req" and "-x509" not in command.argv:
                continue
            kept = not re.search(r"/tmp/|/dev/(null|shm)", f"{command.text} {' '.join(command.redirects)}")
            if (made or command.program == "ssh-keygen") and kept:
                yield path, command.line
                break


def _is_signing_key(one: Binding) -> bool:
    if not _SIGNING.search(one.name) or _NO_KEY.search(one.name) or for_development(one.scope):
        return False
    if one.target.startswith(("self.", "this.")) and one.scope.function not in ("__init__", "constructor"):
        return False
    around = [name for name, kind in zip(one.scope.names, one.scope.kinds, strict=True) if kind == "function"]
    if around[-1:] == ["<anonymous>"]:  # a part of the function around it, if there is one
        around = [name for name in around if name != "<anonymous>"] or around
    return one.scope.at_import or (around[-1] if around else "") in (
        *(
            "create_app",
            "make_app",
            "init_app",
            "__init__",
            "constructor",
            "configure",
            "main",
            "bootstrap",
            "<anonymous>",
        ),
        *("get_settings", "get_config", "load_config"),
    )


def _made_up(value: Value) -> tuple[bool, bool]:
    """Whether a value is random, and whether the environment comes first."""
    if value.kind == "call":
        return bool(_RANDOM.search(value.name or "")) or any(
            part.kind == "call" and _RANDOM.search(part.name or "") for part in value.parts
        ), False
    if value.kind == "env" and value.default is not None:
        return _made_up(value.default)[0], True
    if value.kind == "choice":
        made = [_made_up(part)[0] for part in value.parts]
        return any(made), True
    return False, False
