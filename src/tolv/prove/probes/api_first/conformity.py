"""Whether the app answers as its contract says."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tolv.prove.client import Answer, NoAnswer, Session
from tolv.prove.contracts.breaking import schemas_of
from tolv.prove.contracts.document import Document, Operation, table
from tolv.prove.contracts.schema import problem_of
from tolv.prove.harness.instance import Instance
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import CannotProve, Mutation, probe, proved, refuted
from tolv.prove.probes.api_first._contract import NoContract, filed, is_route, served
from tolv.prove.probes.api_first._samples import path_of, query_of
from tolv.prove.template import fill_header
from tolv.prove.traffic import Unexpected, Written

#: The share of operations that must be as the contract says.
_SHARE = 0.95
#: Operations that are asked, and problems that are told, at most. Seconds for an answer.
_MOST, _SHOWN, _WITHIN = 80, 5, 15.0
#: Characters of an answer that is not as it should be.
_EXCERPT = 200
#: What a made-up value, a missing login, or a service that is away rightly leads to: where the contract does not have
#: it, it says nothing of the rest.
_NOT_REACHED = frozenset({400, 401, 402, 403, 404, 405, 406, 409, 410, 415, 422, 423, 428, 429, 501, 502, 503, 504})
#: Paths that end the session in which the others are asked.
_ENDS = re.compile(r"log-?_?out|sign-?_?out", re.IGNORECASE)
#: A request as it stands in evidence.
_ASKED = re.compile(r"(GET|HEAD) (/\S*)")


@dataclass(slots=True)
class Tally:
    """What came of asking."""

    good: list[str] = field(default_factory=list)
    bad: dict[str, str] = field(default_factory=dict)
    """By operation, what is wrong."""
    unreached: list[str] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    """Requests of `[prove]` that the contract does not have."""


@probe(
    "API-P1",
    title="answers as its contract says",
    tier=2,
    needs=("web", "spec"),
    does="Reads the OpenAPI description, sees that it is valid, calls every operation that only reads, and those that "
    "`[prove]` writes with, holds status, content type and body against it; those that take an object get an array.",
    proved=f"At least {_SHARE:.0%} of the operations that could be reached answer as it says.",
    refuted="The description is not valid, or too many operations answer otherwise: with another status, another "
    "type, a body that is not of its schema, or an error of the server to one that is not of theirs.",
    fix="Generate the description from the code, or test the code against the description, in CI.",
    rules=("API-01", "API-02", "API-04"),
    mutation=Mutation(
        "gives a note's number as a text",
        {
            "app.py": (
                ('[{"id": id, "text": text} for', '[{"id": str(id), "text": text} for'),
                (
                    'return Answer(200, {"id": row[0], "text": row[1]})',
                    'return Answer(200, {"id": str(row[0]), "text": row[1]})',
                ),
            )
        },
    ),
)
async def answers_as_contract_says(trial: Trial) -> Outcome:
    instance = await trial.start()
    try:
        document = await served(trial, instance) if is_route(trial) else filed(trial, instance.directory)
    except NoContract as error:
        return refuted(f"{trial.traffic.recipes.spec}: {error}")
    wrong = list(document.problems())
    if wrong:
        for one in wrong[:_SHOWN]:
            trial.saw("saw", one)
        return refuted(f"{trial.traffic.recipes.spec} is not valid: {wrong[0]}")
    tally = Tally()
    session = await _traffic(trial, instance, document, tally)
    known = _known(trial)
    tally.unknown |= {f"GET {path}" for path in known if document.operation("GET", path) is None}
    reading = [one for one in document.operations if one.method == "GET"]
    for operation in sorted(reading, key=lambda one: bool(_ENDS.search(one.path)))[:_MOST]:
        await _ask(trial, instance, document, operation, known, session, tally)
    for operation in [one for one in document.operations if _takes_object(one, document)][:_MOST]:
        await _offend(trial, instance, document, operation, session, tally)
    return _judged(trial, tally)


def _judged(trial: Trial, tally: Tally) -> Outcome:
    tried = len(tally.good) + len(tally.bad)
    for name, problem in [*tally.bad.items()][:_SHOWN]:
        trial.saw("saw", f"{name}: {problem}")
    if tally.unreached:
        trial.saw("saw", f"not judged, as only real values or a login would reach them: {', '.join(tally.unreached)}")
    if not tried:
        raise CannotProve("no operation of the contract could be reached")
    more = f"; not in it: {', '.join(sorted(tally.unknown)[:3])}" if tally.unknown else ""
    if len(tally.good) / tried < _SHARE:
        name, problem = next(iter(tally.bad.items()))
        return refuted(f"{len(tally.bad)} of {tried} operations answer otherwise: {name}: {problem}")
    return proved(f"{len(tally.good)} of {tried} operations answer as it says{more}")


async def _traffic(trial: Trial, instance: Instance, document: Document, tally: Tally) -> Session | None:
    """Run what `[prove]` writes with: its answers are judged, and what it makes can be read. The session, if any."""
    traffic = trial.traffic
    session: Session | None = None
    if traffic.recipes.login:
        try:
            session = await traffic.login(instance)
        except (CannotProve, NoAnswer):
            trial.saw("saw", "the login failed: asked as a stranger", instance.name)
    for name, make, read in (
        ("write", traffic.write, traffic.read_back if traffic.recipes.read_back else None),
        ("upload", traffic.upload, traffic.download if traffic.recipes.download else None),
        ("job", traffic.job, traffic.job_done if traffic.recipes.job_done else None),
    ):
        if not traffic.recipes.has(name):
            continue
        try:
            written: Written = await make(instance)
            if read is not None:
                await read(instance, written)
        except (CannotProve, NoAnswer) as error:
            trial.saw("saw", f"{name} of [prove]: {error}", instance.name)
            continue
        method, path = written.shown.split(" ")[:2]
        operation = document.operation(method, path.partition("?")[0])
        if operation is None:
            tally.unknown.add(f"{method} {path}")
        else:
            await _note(trial, operation, written.answer, document, tally)
    if traffic.recipes.read:
        try:
            await traffic.read(instance)
        except (Unexpected, NoAnswer) as error:
            trial.saw("saw", f"read of [prove]: {error}", instance.name)
    return session


def _known(trial: Trial) -> list[str]:
    """Paths that were asked for, and answered, so far: they name what is there."""
    answered = (one.text for one in trial.evidence if one.kind == "answer" and " -> 2" in one.text)
    found = (_ASKED.match(text) for text in answered)
    return list(dict.fromkeys(one[2].partition("?")[0] for one in found if one is not None))


async def _ask(
    trial: Trial,
    instance: Instance,
    document: Document,
    operation: Operation,
    known: list[str],
    session: Session | None,
    tally: Tally,
) -> None:
    """Ask for one operation, and judge the answer; what seems wrong is asked again."""
    real = next((path for path in known if operation.fits(path)), None)
    path = (real or path_of(operation, document)) + query_of(operation, document)
    headers = (("Accept", "application/json, */*;q=0.5"), *_credentials(trial, session))

    async def ask() -> Answer:
        answer = await instance.client.request(
            "GET", path, headers=headers, session=session.copy() if session else None, timeout=_WITHIN
        )
        trial.saw("answer", f"GET {path} -> {answer}", instance.name)
        return answer

    if any("event-stream" in type_ for one in operation.responses.values() for type_ in schemas_of(document, one)):
        tally.unreached.append(str(operation))
        return
    try:
        await _note(trial, operation, await ask(), document, tally, ask)
    except NoAnswer as error:
        trial.saw("answer", f"GET {path} -> {error}", instance.name)
        tally.unreached.append(str(operation))


def _credentials(trial: Trial, session: Session | None) -> tuple[tuple[str, str], ...]:
    """The headers of every request, and those by which `whoami` says who asks."""
    own = trial.traffic.recipes.headers
    if session is None or not trial.traffic.recipes.whoami:
        return own
    try:
        step = trial.traffic.recipes.whoami[-1]
        return (*own, *((name, fill_header(text, session.values)) for name, text in step.headers))
    except KeyError:
        return own


def _takes_object(operation: Operation, document: Document) -> bool:
    """Whether its body is a JSON object, so that an array is none."""
    body = table(document.resolve(operation.raw.get("requestBody")))
    schema = table(document.resolve(schemas_of(document, body).get("application/json")))
    return operation.method in ("POST", "PUT", "PATCH") and schema.get("type") == "object"


async def _offend(
    trial: Trial,
    instance: Instance,
    document: Document,
    operation: Operation,
    session: Session | None,
    tally: Tally,
) -> None:
    """Send a body that is not of the operation's schema: whatever is made of it, the process must not fail at it."""
    path = path_of(operation, document) + query_of(operation, document)
    headers = (("Content-Type", "application/json"), *_credentials(trial, session))
    try:
        answer = await instance.client.request(
            operation.method, path, headers=headers, body="[]", session=session, timeout=_WITHIN
        )
    except NoAnswer as error:
        trial.saw("answer", f"{operation.method} {path} [] -> {error}", instance.name)
        return
    trial.saw("answer", f"{operation.method} {path} [] -> {answer}", instance.name)
    if answer.status == 500:
        tally.bad[f"{operation} with an array"] = "it is answered 500: the body is not held against the schema"


async def _note(
    trial: Trial,
    operation: Operation,
    answer: Answer,
    document: Document,
    tally: Tally,
    again: Callable[[], Awaitable[Answer]] | None = None,
) -> None:
    problem = judge(operation, answer, document)
    if problem and again is not None:
        await asyncio.sleep(0.5)
        answer = await again()
        problem = judge(operation, answer, document)
    name = str(operation)
    if problem:
        trial.saw("answer", f"{name}: {answer.header('content-type')} {answer.text()[:_EXCERPT]}")
    if problem is None:
        tally.good.append(name)
    elif problem:
        tally.bad[name] = problem
    else:
        tally.unreached.append(name)


def judge(operation: Operation, answer: Answer, document: Document) -> str | None:
    """What of an answer is not as the contract says; None: nothing; empty: it does not say anything of the contract."""
    said = operation.responses
    status = str(answer.status)
    found = next((said[one] for one in (status, f"{status[0]}XX", f"{status[0]}xx", "default") if one in said), None)
    if found is None:
        reached = answer.status not in _NOT_REACHED and not 300 <= answer.status < 400
        return f"it is answered {status}, and the contract knows {', '.join(said)}" if reached else ""
    schemas = schemas_of(document, found)
    if not schemas or not answer.body:
        return None
    type_ = answer.header("content-type").partition(";")[0].strip().lower()
    schema = next((one for name, one in schemas.items() if _is(type_, name)), None)
    if schema is None:
        return f"its {status} is {type_ or 'of no type'}, and the contract says {', '.join(schemas)}"
    if not (type_.endswith("json") or type_ == ""):
        return None
    try:
        value = answer.json()
    except (ValueError, RecursionError):
        return f"its {status} is no JSON"
    return problem_of(value, schema, document.resolve, f"the body of {status}")


def _is(type_: str, name: str) -> bool:
    """Whether a media type is the one that the contract names, which may be a range."""
    name = name.partition(";")[0].strip().lower()
    return name in (type_, "*/*") or (name.endswith("/*") and type_.startswith(name[:-1]))
