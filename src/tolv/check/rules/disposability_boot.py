"""IX Disposability: what a start waits for, and what it stumbles over (IX-04, IX-08)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice

from tolv.check.looks.boot import slow_boots
from tolv.check.looks.left_behind import left_behind, stale_checks
from tolv.check.looks.mentions import mentions
from tolv.check.looks.reach import requests_of
from tolv.check.looks.stage import for_development
from tolv.check.model import Finding, NotApplicable, Outcome, Witness
from tolv.check.rule import rule
from tolv.check.source import Scope
from tolv.check.unit import Unit

_TOOLS = re.compile(
    r"(^|/)(bin|scripts?|tools?|commands?|management|cli|notebooks?|hack|examples?|training|data)(/|\.|_)|"
    r"(^|/)(setup|conf|noxfile|fabfile|train|build|download|seed|gulpfile|webpack[\w.]*|vite[\w.]*)\.\w+$"
)


@rule(
    "IX-04",
    severity="warning",
    materials=("python", "javascript", "manifests"),
    looks=(slow_boots,),
    title="The start waits for something that may never come",
    why="A process that is slow to start is slow to scale and to replace; one that waits without a limit hangs in "
    "silence instead of failing where somebody sees it.",
    fix="Wait a bounded number of times and fail, or begin without it and ask when it is first needed.",
    bad="until flask db upgrade; do sleep 5; done",
    good="for attempt in 1 2 3 4 5; do flask db upgrade && break; sleep 5; done",
    source="https://12factor.net/disposability",
    probe="IX-P1",
)
def slow_start(unit: Unit) -> Iterator[Outcome]:
    found = False
    for outcome in (*_waiting_scripts(unit), *_waiting_modules(unit)):
        found = True
        yield outcome
    if found:
        return
    served = next((one for one in unit.starts if one.prod and not one.release), None)
    if served is not None:
        yield Witness("no start script waits without a limit", unit.place(served.path, served.line))
    else:
        yield NotApplicable("no start was found")


def _waiting_scripts(unit: Unit) -> Iterator[Finding]:
    scripts: dict[str, None] = {}
    for start in unit.starts:
        if start.context != "dev" and (start.prod or start.origin in ("compose", "Dockerfile")):
            scripts.update((path, None) for path, _ in start.through if unit.context(path) in ("prod", "admin"))
    for path in scripts:
        text = unit.text(path) or ""
        if text.startswith("#!") or path.endswith((".sh", ".bash")):
            yield from (_waits(unit, path, line) for line in endless_waits(text))
    for dockerfile in unit.dockerfiles:
        command = dockerfile.command
        if command is not None and dockerfile.context == "prod" and endless_waits(command.text):
            yield _waits(unit, dockerfile.path, command.line)
    for compose in unit.composes:
        for service in compose.services:
            line = service.command or service.entrypoint
            words = " ".join(line.argv) if line is not None and line.argv is not None else line.text if line else ""
            if line is not None and service.build is not None and endless_waits(words):
                yield _waits(unit, compose.path, line.line)


def _waits(unit: Unit, path: str, line: int) -> Finding:
    return Finding("the start waits in a loop without a limit", unit.place(path, line), subject="loop")


_LOOP = re.compile(r"(?:^|;|&&|\|\||[\"'({]|\bthen\b|\bdo\b)[ \t]*(until|while)\b(.*)$", re.MULTILINE)
_BOUND = re.compile(
    r"-(lt|le|gt|ge|eq|ne)\b|\(\(|retr(y|ies)|attempt|timeout|max_|seq |count|\bexit [1-9]|SECONDS|\btries\b|\bn=", re.I
)
_NO_WAIT = re.compile(r"^\s*(IFS=\S*\s+)?(read|getopts|\[\[?\s*\"?\$[#@{*]|\[\[?\s*-n\s+\"?\$1|pgrep|kill -0)")


#: Loops of one script that are looked at.
_MOST_LOOPS = 100


def endless_waits(text: str) -> list[int]:
    """The lines on which a shell text begins to wait in a loop that nothing ends but success."""
    found = []
    for match in islice(_LOOP.finditer(text), _MOST_LOOPS):
        start = text.rfind("\n", 0, match.start(1)) + 1
        if text[start : start + 200].lstrip().startswith("#"):
            continue
        block = re.split(r"\bdone\b", text[match.end(1) : match.end(1) + 4000], maxsplit=1)[0]
        said = re.sub(r"\b(echo|printf)\b[^\n;&|]*|#[^\n]*", "", block)
        if "sleep" not in said or _NO_WAIT.match(match[2]) or _BOUND.search(said):
            continue
        if match[1] == "while" and re.match(r"\s*(true|:|\[ 1 \]|1)\s*(;|$)", match[2]) and "break" not in block:
            continue  # a loop that is the work itself
        found.append(text.count("\n", 0, match.start(1)) + 1)
    return found


def _waiting_modules(unit: Unit) -> Iterator[Finding]:
    if not requests_of(unit) and not any(one.prod for one in unit.starts):
        return
    loaded = _loaded(unit)
    for seen in unit.seen(slow_boots, "prod"):
        one = seen.what
        if for_development(Scope(guards=one.guards)) or _TOOLS.search(seen.path) or not loaded(seen.path):
            continue
        place = unit.place(seen.path, one.line, one.column)
        if one.kind == "wait":
            if any(re.match(r"(True|1|not )", guard) for guard in one.guards):
                yield Finding("the module waits in a loop while it is loaded", place, subject="wait")
        elif one.kind == "network":
            yield Finding(f"{one.what} asks the network while the module is loaded", place, subject=one.what)
        else:
            yield Finding(f"{one.what} may download while the module is loaded", place, subject=one.what)


def _loaded(unit: Unit) -> Callable[[str], bool]:
    """Whether a file is a module of the app: in a package, started, or asked for by another. Else it is a script that
    something else runs, such as a check of an image."""
    asked = {part for seen in unit.seen(mentions) for part in re.split(r"[/.]", seen.what.module)}
    entries = {one.entry for one in unit.starts}
    packages = {file.directory for file in unit.named("__init__.py")}

    def is_loaded(path: str) -> bool:
        directory, _, name = path.rpartition("/")
        stem = name.partition(".")[0]
        return directory in packages or path in entries or stem in asked or stem in ("index", "main", "app", "server")

    return is_loaded


@rule(
    "IX-08",
    severity="note",
    materials=("python", "javascript", "manifests"),
    looks=(left_behind,),
    title="The start depends on a clean exit of the one before",
    why="After a crash or a `kill -9` the file is still there, and the process refuses to start until somebody removes "
    "it by hand.",
    fix="Remove a stale file at the start, or lock with `flock`, which the kernel releases.",
    bad='if os.path.exists("app.pid"):\n    sys.exit("already running")',
    good='lock = open("app.lock", "w")\nfcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)',
    source="https://12factor.net/disposability",
    probe="IX-P4",
)
def stale_files(unit: Unit) -> Iterator[Outcome]:
    """Starts that give up where a pid file, a lock or a socket of the process before is left."""
    places = [(seen.path, seen.what) for seen in unit.seen(left_behind, "prod")]
    for file in unit.named("*.sh", "*.bash", "*entrypoint*"):
        if file.context == "prod" and file.language is None and file.size <= 1 << 20:
            places += [(file.path, line) for line in stale_checks((unit.text(file.path) or "").split("\n"))]
    for path, line in places:
        message = "The start gives up where a file of the process before is left"
        yield Finding(message, unit.place(path, line), subject="stale")
    if not places:
        yield NotApplicable("no start looks for a pid file or a lock")
