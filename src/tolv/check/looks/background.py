"""Work that a process does besides answering: threads, timers and schedulers within it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tolv.check.look import Look
from tolv.check.source import Call, Function, Source, Value

Kind = Literal["thread", "scheduler", "timer", "task"]


@dataclass(frozen=True, slots=True)
class Background:
    """One place that starts such work."""

    kind: Kind
    """`task`: work that is handed over within the process, after the response."""
    what: str
    """The library or function that runs it."""
    target: str
    """What it runs, as far as it has a name."""
    line: int
    column: int
    function: str | None
    owner: str | None
    guards: tuple[str, ...]
    at_import: bool
    waited: bool
    """The function around it waits for it."""
    locked: bool
    """A lock or an election of a leader is near."""
    script: bool
    """The file runs as a program of its own."""
    interval: int | None = None
    """Of a timer, in milliseconds, if it can be told."""
    around: str = ""
    """Of a timer or a schedule: what it does, as text."""


background: Look[Background] = Look("background work")

_LOCK = re.compile(r"advisory|leader|\block\(|\.lock\b|acquire|redlock|SETNX|setnx|isMaster|is_master|primary\b", re.I)
_SCHEDULERS = (
    *("BackgroundScheduler", "AsyncIOScheduler", "TornadoScheduler", "GeventScheduler", "TwistedScheduler"),
    *("flask_apscheduler.APScheduler", "repeat_every", "aiocron.crontab", "schedule.every", "AsyncScheduler"),
)


@background.reads(
    "python",
    words=(
        *("Thread", "Timer", "BackgroundScheduler", "AsyncIOScheduler", "APScheduler", "repeat_every", "aiocron"),
        *("schedule", "add_task", "GeventScheduler", "TornadoScheduler", "create_task", "submit", "_thread"),
    ),
)
def _python(source: Source) -> Iterator[Background]:
    functions = source.functions()
    for call in source.calls("threading.Thread", "Thread", "multiprocessing.Process", "threading.Timer"):
        if call.name.startswith(("threading.", "multiprocessing.")):
            yield _seen(source, functions, call, "thread", call.argument(1, "target", "function"))
    for call in source.calls("start_new_thread"):
        yield _seen(source, functions, call, "thread", call.argument(0))
    for call in source.calls(*_SCHEDULERS):
        yield _seen(source, functions, call, "scheduler", None)
    for function in functions:
        for one in function.decorators:
            if one.last in ("repeat_every", "crontab") and ("repeat_every" in one.name or "aiocron" in one.name):
                yield _seen(source, functions, one, "scheduler", Value("name", None, function.name))
    for call in source.calls(".add_task"):
        if re.search(r"BackgroundTasks|background", f"{call.name} {call.written}"):
            yield _seen(source, functions, call, "task", call.argument(0))


@background.reads(
    "javascript",
    words=("node", "CronJob", "scheduleJob", "setInterval", "cron", "Cron", "croner", "agenda", "toad", "Interval"),
)
def _javascript(source: Source) -> Iterator[Background]:
    if {b"window", b"document"} <= source.words and b"require" not in source.words:
        return
    functions = source.functions()
    for call in source.calls(
        "node-cron.schedule", "node-schedule.scheduleJob", "CronJob", "cron.schedule", "croner.Cron", "croner"
    ):
        if re.match(r"(node-cron|node-schedule|cron|croner)\b", call.name):
            yield _seen(source, functions, call, "scheduler", call.argument(1))
    for function in functions:
        for one in function.decorators:
            if one.last in ("Cron", "Interval") and "schedule" in one.name:
                yield _seen(source, functions, one, "scheduler", Value("name", None, function.name))
    for call in source.calls("setInterval"):
        if call.written.rpartition(".")[0] in ("", "global", "globalThis", "timers"):
            yield _seen(source, functions, call, "timer", call.argument(0), call.argument(1))


#: What waits for a thread, or ends it: in Ruby without parentheses.
_WAITED = (
    re.compile(r"\.join\(|await |\.result\(|\.communicate\("),
    re.compile(r"\.(?:join|value|kill)\b(?!\(\s*[\"'])"),
)


def _seen(
    source: Source,
    functions: Sequence[Function],
    call: Call,
    kind: Kind,
    target: Value | None,
    every: Value | None = None,
) -> Background:
    spans = [
        (one.end_line - one.line, one.line, one.end_line) for one in functions if one.line <= call.line <= one.end_line
    ]
    first, last = min(spans)[1:] if spans else (max(1, call.line - 8), call.end_line + 8)
    text = "\n".join(source.lines[first - 1 : last])
    names = [n for n, k in zip(call.scope.names, call.scope.kinds, strict=True) if k == "function"]
    script = b"argparse" in source.words or b"click" in source.words or source.data.startswith(b"#!")
    interval = _milliseconds(every, "\n".join(source.lines[call.line - 1 : call.end_line])) if every else None
    return Background(
        kind,
        call.name,
        (target.name or target.text or "")[:80] if target is not None else "",
        call.line,
        call.column,
        names[-1] if names else None,
        call.scope.owner,
        call.scope.guards,
        call.scope.at_import,
        kind == "thread" and _WAITED[source.language == "ruby"].search(text) is not None,
        bool(_LOCK.search(text)),
        script,
        interval,
        text[:2000] if kind == "timer" else _said(source, call) if kind == "scheduler" else "",
    )


def _said(source: Source, call: Call) -> str:
    """The text of a scheduled call, or of the function that a decorator schedules, as far as it is short."""
    last = next((one.end_line for one in source.functions() if call in one.decorators), call.end_line)
    return "\n".join(source.lines[call.line - 1 : last])[:2000]


def _milliseconds(value: Value, text: str) -> int | None:
    if value.kind == "literal" and (value.text or "").isdigit():
        return int(value.text or "0")
    product = re.search(r",\s*((?:\d+\s*\*\s*)+\d+)\s*\)", text)
    if product is None:
        return None
    result = 1
    for part in product[1].split("*"):
        result *= int(part.strip()[:9])
    return min(result, 1 << 40)


_GO = re.compile(r"^\s*go\s+(func\b|[\w.]+(?=\())")
_GO_WAITS = re.compile(
    r"\.Wait\(\)|errgroup|<-\s*\w*(done|err|res|result|ch|out|stop|quit|sig)\w*\b|select \{", re.IGNORECASE
)
_GO_TOLD = re.compile(r"[(,]\s*(?:\w+\.)?(?:stop|done|quit|closing|shutdown|cancel)\w*\s*[,)]")
_GO_QUEUE = re.compile(r"(?i)queue|jobs?\b|tasks?\b|work")
_GO_CONNECTION = re.compile(r"\.Upgrade\(|\.Hijack\(|websocket\.(?:Accept|Upgrade)|\.Accept\(\)")
_GO_HANDLER = re.compile(r"http\.ResponseWriter|gin\.Context|echo\.Context|fiber\.Ctx")
#: What is worth doing, and so worth doing for certain.
_GO_WORK = re.compile(
    r"send|push|notif|e?mail|process|import|export|sync|deliver|publish|save|delete|remove|flush|schedul|worker|job|"
    r"poll|refresh|fetch|index|upload|charge|crawl|scrape|backup|cleanup",
    re.IGNORECASE,
)


@background.reads("go", words=("go",))
def _goroutines(source: Source) -> Iterator[Background]:
    """Goroutines in handlers, and those that do jobs, which nobody waits for."""
    rows = [(number, match) for number, line in enumerate(source.lines, start=1) if (match := _GO.match(line))]
    if not rows:
        return
    functions = source.functions()
    for number, match in rows:
        holding = [(one.end_line - one.line, one) for one in functions if one.line <= number <= one.end_line]
        if not holding:
            continue
        function = min(holding, key=lambda pair: pair[0])[1]
        text = "\n".join(source.lines[function.line - 1 : function.end_line])
        line = source.lines[number - 1]
        if match[1] == "func" and any("os.Exit(" in one for one in source.lines[number : number + 4]):
            continue  # it ends the process
        if _GO_TOLD.search(line) and not _GO_QUEUE.search(line):
            continue  # it is told to stop, and has taken nothing on that would be lost
        if _GO_CONNECTION.search(text):
            continue  # it lives as long as the connection
        if _is_closed(source, functions, match[1]):
            continue
        handles = bool(_GO_HANDLER.search("\n".join(source.lines[function.line - 1 : function.line + 3])))
        target = match[1] if match[1] != "func" else ""
        if handles or _GO_WORK.search(target):
            yield Background(
                "thread",
                "go",
                target or "work",
                number,
                source.lines[number - 1].index("go") + 1,
                function.name,
                function.scope.owner,
                (),
                False,
                bool(_GO_WAITS.search(text)),
                bool(_LOCK.search(text)),
                b"cobra" in source.words and not handles,
            )


_GO_CLOSES = re.compile(r"^(?:Close|Stop|Shutdown|Dispose|End|Wait)$")
_GO_TELLS = re.compile(r"\bclose\(\s*\w+(?:\.\w+)+\s*\)|\b\w+(?:\.\w+)*\.cancel\w*\(\)|\b\w+\.\w+\s*<-")
_GO_GONE = re.compile(r"<-\s*\w+(?:\.\w+)+|\.Wait\(\)")


def _is_closed(source: Source, functions: Sequence[Function], target: str) -> bool:
    """Whether the goroutine runs a method of something that the file can close: a method tells it to end by a channel
    or a context, and then waits until it has."""
    name = target.rpartition(".")[2]
    if "." not in target or not any(one.name == name for one in functions):
        return False
    for one in functions:
        if _GO_CLOSES.match(one.name):
            text = "\n".join(source.lines[one.line - 1 : one.end_line])
            told = _GO_TELLS.search(text)
            if told is not None and _GO_GONE.search(text, told.end()):
                return True
    return False


@background.reads("ruby", words=("Thread", "good_job", "execution_mode", "queue_adapter", "Rufus", "Scheduler"))
def _ruby(source: Source) -> Iterator[Background]:
    functions = source.functions()
    for call in source.calls("Thread.new", "Rufus.Scheduler.new"):
        kind: Kind = "scheduler" if "Rufus" in call.name else "thread"
        if kind == "scheduler" or not call.scope.at_import:
            yield _seen(source, functions, call, kind, None)
    for binding in source.bindings("execution_mode", "queue_adapter"):
        value = binding.value
        if binding.name in ("execution_mode", "queue_adapter") and (value.text or "").lstrip(":") == "async":
            where = (binding.line, binding.column, None, None, binding.scope.guards, True)
            yield Background("thread", binding.target, "every job", *where, False, False, False)
