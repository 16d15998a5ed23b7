"""Probes of XI: what is on standard output, and when."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from tolv.prove.harness.instance import Instance, Mark
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome, Verdict
from tolv.prove.probe import Mutation, advisory, agree, cannot_prove, probe, proved, refuted
from tolv.prove.probes._hold import until
from tolv.prove.probes.logs.asked import Asked, events, logged, read, write
from tolv.prove.traffic import fresh

_READS, _WRITES = 20, 3
#: Seconds after which an event that has not come may be in a buffer, which more requests would fill.
_PROMPT = 1.0
#: Requests after which any buffer of a few kilobytes is full.
_FLOOD = 400
_LINE = '        sys.stdout.write(json.dumps(line) + "\\n")\n'
_FLUSH = "        sys.stdout.flush()\n"
_LOG = "def log(level"


@probe(
    "XI-P1",
    title="says on standard output what it does",
    tier=0,
    needs=("web",),
    does="Sends 20 requests that can be told from others, and some writes, and reads standard output and error.",
    proved="There is at least a line for each request.",
    refuted="The process is silent from its start to its end: nobody can tell from outside what it does.",
    fix="Write an event for each request to standard output, unbuffered.",
    rules=("XI-01",),
    mutation=Mutation("logs nothing", {"telemetry.py": ((_LINE + _FLUSH, "        del line\n"),)}),
)
async def says_what_it_does(trial: Trial) -> Outcome:
    instance = await trial.start()
    reads = [await read(trial, instance) for _ in range(_READS)]
    writes = [await write(trial, instance) for _ in range(_WRITES)] if trial.subject.recipes.write else []
    # What comes later is there: what came before would be, too.
    patience = trial.patience.event
    told_writes = await logged(instance, writes, patience) if writes else 0
    told = await logged(instance, reads, 2.0 if told_writes else 0.0 if writes else patience)
    _show(trial, instance, reads[-1].before)
    if told == len(reads):
        return proved(f"{told} requests, an event for each")
    if told:
        return advisory(f"of {len(reads)} requests {told} left an event")
    if told_writes:
        return advisory(f"writes leave an event ({told_writes} of {len(writes)}), reads leave none")
    lines = len(instance.lines())
    await instance.stop(instance.made.type.grace)
    if events(reads, instance.lines()):
        return refuted("the events of its requests came out only when it had ended: they were held in a buffer")
    if instance.lines():
        when = "at its start" if lines else "at its end"
        return advisory(f"it writes {when}, and of {len(reads) + len(writes)} requests no line tells")
    return refuted(f"not one line from its start to its end, with {len(reads) + len(writes)} requests in between")


@probe(
    "XI-P3",
    title="holds no event back",
    tier=0,
    needs=("web",),
    does="Sends a request, waits for its event on standard output, which is a pipe, and kills the process with "
    "SIGKILL. Three times.",
    proved="The event of the last request is there, though the process could do nothing more for it.",
    refuted="It is gone: the process keeps its events in a buffer, and the last ones, which tell why it died, die with "
    "it.",
    fix="Flush each event: PYTHONUNBUFFERED=1, `$stdout.sync = true`, a log handler that flushes.",
    rules=("XI-04",),
    mutation=Mutation(
        "keeps its events in a buffer",
        {
            "telemetry.py": (
                (_FLUSH, ""),
                (_LOG, f'sys.stdout = open(1, "w", buffering=1 << 13, closefd=False)\n\n\n{_LOG}'),
            )
        },
    ),
)
async def holds_nothing_back(trial: Trial) -> Outcome:
    first = await _last_event(trial)
    if first.verdict is not Verdict.PROVED:  # of which many requests were part
        return first
    return await agree(2, lambda: _last_event(trial))


async def _last_event(trial: Trial) -> Outcome:
    instance = await trial.start()
    try:
        asks = (read, write, write) if trial.subject.recipes.write else (read,)
        asked = [await ask(trial, instance) for ask in asks]

        def told() -> bool:
            lines = instance.lines(asked[0].before)
            if any(events([one], lines) for one in asked):
                return True
            alike = asked[1:] or asked  # where reads leave no event, those of writes count
            return len(instance.lines(alike[0].before)) >= len(alike)

        if await until(told, _PROMPT):
            await instance.kill()
            _show(trial, instance, asked[0].before)
            return proved("the event of the last request is there")
        return await _buffered(trial, instance)
    finally:
        await instance.kill()


async def _buffered(trial: Trial, instance: Instance) -> Outcome:
    """No event comes at once. Ask until a buffer would be full: what it gives then says nothing of the last event,
    which comes by itself if the process only takes its time."""
    asked: list[Asked] = []
    silent = instance.mark()
    while len(asked) < _FLOOD and not instance.lines(silent):
        asked.append(await read(trial, instance))
    _thin(trial)
    if not await until(lambda: bool(instance.lines(silent)), trial.patience.event):
        await instance.stop(instance.made.type.grace)
        if not events(asked, instance.lines()):
            return cannot_prove(f"it logs nothing of its requests: {len(asked)} of them left no line")
        return refuted(f"the events of {len(asked)} requests came out only when it had ended")
    asked.append(await read(trial, instance))
    came = await until(lambda: bool(events(asked[-1:], instance.lines(asked[-1].before))), trial.patience.event)
    await instance.kill()
    told = events(asked, instance.lines())
    trial.saw("log", f"after SIGKILL the log tells of {told} of {len(asked)} requests", instance.name)
    if came and told == len(asked):
        return proved("the event of the last request is there, a moment after its answer")
    if came or not told:
        return cannot_prove("it logs some requests and not others")
    return refuted(f"{len(asked) - told} events were in a buffer and died with the process; of {len(asked)} requests")


def _thin(trial: Trial) -> None:
    """Of many requests alike the evidence keeps the first and the last."""
    answers = [one for one in trial.evidence if one.kind == "answer"]
    drop = set(map(id, answers[3:-2]))
    trial.evidence[:] = [one for one in trial.evidence if id(one) not in drop]


@probe(
    "XI-P4",
    title="events that a program can read",
    tier=0,
    needs=("web",),
    does="Sends requests with an X-Request-ID and a traceparent, and parses what the process writes.",
    proved="Nine of ten lines are JSON or logfmt with time and level, and a request's id or trace is in them.",
    refuted="Never: lines of text are a log, too. It is advisory what share can be parsed, and whether requests can be "
    "followed.",
    fix="Log JSON lines with time, level and event, and put the request's X-Request-ID or trace id into each.",
    rules=("XI-05", "XI-07"),
    worst=Verdict.ADVISORY,
    mutation=Mutation(
        "logs lines of text",
        {"telemetry.py": ((_LINE, '        sys.stdout.write(f"{time} {level} {event}\\n")\n'),)},
    ),
)
async def can_be_parsed(trial: Trial) -> Outcome:
    instance = await trial.start()
    before = instance.mark()
    asked = [await read(trial, instance) for _ in range(3)]
    if trial.subject.recipes.write:
        await write(trial, instance)
    token, trace = fresh(), (fresh()[1:] * 3)[:32]
    headers = (("X-Request-ID", token), ("traceparent", f"00-{trace}-{trace[:16]}-01"))
    path = instance.made.health
    answer = await instance.client.request("GET", path, headers=headers)
    trial.saw("answer", f"GET {path} (X-Request-ID: {token}) -> {answer.status}", instance.name)

    def followed() -> bool:
        marks = (token, trace, *(one.token for one in asked))
        return any(mark in one.text for one in instance.lines(before) for mark in marks)

    requests = len(asked) + 1
    await until(lambda: followed() or len(instance.lines(before)) >= requests, trial.patience.event / 2)
    texts = [one.text for one in instance.lines(before) if one.text.strip()]
    if not texts:
        return cannot_prove("it logs nothing of its requests")
    good = sum(map(is_structured, texts))
    _show(trial, instance, before)
    share = f"{good} of {len(texts)} lines are JSON or logfmt with time and level"
    echoed = any(token in value for _, value in answer.headers)
    if good >= 0.9 * len(texts) and followed():
        return proved(f"{share}; a request can be followed by its id")
    lacks = [] if followed() else ["no line holds a request's id" + (", though its answer does" if echoed else "")]
    return advisory("; ".join([share, *lacks]))


_TIMES = frozenset("time timestamp ts @timestamp date datetime t asctime at created eventtime".split())
_LEVELS = frozenset("level severity lvl loglevel log_level log.level levelname severity_text priority".split())
_PAIR = re.compile(r'(?:^|\s)([A-Za-z_@][\w.@-]*)=("(?:[^"\\]|\\.)*"|\S*)')


def is_structured(text: str) -> bool:
    """Whether a line is an event that has a time and a level: a JSON object, or pairs such as `level=info`."""
    if text.lstrip().startswith("{"):
        try:
            keys = _keys(json.loads(text))
        except ValueError:
            return False
    else:
        keys = {key.lower() for key, _ in _PAIR.findall(text)}
    return bool(keys & _TIMES) and bool(keys & _LEVELS)


def _keys(value: object) -> set[str]:
    """The names of an object and of the objects in it: `{"log": {"level": …}}` is usual, too."""
    if not isinstance(value, dict):
        return set()
    return {str(key).lower() for key in value} | {key for one in value.values() for key in _keys(one)}


def _show(trial: Trial, instance: Instance, before: Mark, most: int = 5) -> None:
    """Note lines of the log as evidence."""
    lines: Sequence[str] = [one.text for one in instance.lines(before)]
    for text in lines[-most:]:
        trial.saw("log", text[:500], instance.name)
