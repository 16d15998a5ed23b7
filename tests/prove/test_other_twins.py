"""Ways of a probe that the twins do not go: apps without a slow route, apps whose recipes begin with a login, and apps
that take their time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prove.twin_controls import Twins, told

from tolv.prove.catalogue import catalogue
from tolv.prove.model import Verdict
from tolv.prove.probe import Mutation

PROBES = catalogue()
pytestmark = pytest.mark.timeout(400)

_SLOW = """\
@route("GET", "/slow")
def slow(question: Question) -> Answer:
    sleep(1.5)
    return Answer(200, {"seconds": 1.5})


"""
_RECIPE = 'slow = "GET /slow"\n'
_FILES = 'upload = "PUT /files/{name}"\ndownload = "GET /files/{name}"\n'
_WITHOUT_SLOW = Mutation(
    "has no slow route",
    {"app.py": ((_SLOW, ""),), "tolv.toml": ((_RECIPE, ""),), "openapi.json": (('"/slow"', '"/not-there"'),)},
)
_WITHOUT_FILES = replace(
    _WITHOUT_SLOW,
    replace={
        **_WITHOUT_SLOW.replace,
        "app.py": ((_SLOW, ""), ('@route("PUT", "/files/{name}")\n', "")),
        "tolv.toml": ((_RECIPE, ""), (_FILES, "")),
        "openapi.json": (('"/slow"', '"/not-there"'), ('"/files/{name}"', '"/not-there/{name}"')),
    },
)
_CUTS_OFF = ("    finished = server.drain(GRACE)\n", "    finished = True\n")

_WRITE = """write = 'POST /notes {"text": "{token}"}'"""
_WRITE_AS_USER = """write = ["login", 'POST /notes {"text": "{token}"}']"""
_TEXT = "    (text,) = texts(question, text=1000)\n"
_GUARDED = Mutation(
    "takes notes of its users alone",
    {"tolv.toml": ((_WRITE, _WRITE_AS_USER),), "app.py": ((_TEXT, f"    signed_in(question)\n{_TEXT}"),)},
)
_UNGUARDED = Mutation("takes notes of anybody, and says of its users alone", {"tolv.toml": ((_WRITE, _WRITE_AS_USER),)})

# A schedule of the worker's: each run claims its moment in the database, or nobody does.
_SLOT = "int(now * 2)"
_TICK = f"""\
def tick() -> None:
    now = __import__("time").time()
    with contextlib.suppress(psycopg.Error), connect() as database, database.transaction():
        database.execute("UPDATE schedule SET runs = runs + 1, slot = %s WHERE slot < %s", ({_SLOT}, {_SLOT}))


def main() -> int:
"""
_WAIT = "    signal.sigwait(STOPS)\n    stopping.set()\n"
_TICKS = "    while signal.sigtimedwait(STOPS, 0.5) is None:\n        tick()\n    stopping.set()\n"
_INDEX = '    "CREATE INDEX effects_of_job ON effects (job);",\n'
_TABLE = '    "CREATE TABLE schedule AS SELECT 0::numeric AS slot, 0 AS runs;",\n'
_COUNT = """\
@route("GET", "/schedule")
def schedule(question: Question) -> Answer:
    with transaction() as database:
        return Answer(200, {"runs": database.execute("SELECT runs FROM schedule").fetchall()[0][0]})


# Sessions:"""
_SCHEDULED = Mutation(
    "has a schedule",
    {
        "worker.py": (
            ("def main() -> int:\n", _TICK),
            (_WAIT, _TICKS),
            ("import signal\n", "import contextlib\nimport signal\n"),
        ),
        "schema.py": ((_INDEX, _INDEX + _TABLE),),
        "app.py": (("# Sessions:", _COUNT),),
        "tolv.toml": (('job_done = "GET /jobs/{id}"\n', 'job_done = "GET /jobs/{id}"\nscheduled = "GET /schedule"\n'),),
    },
)
_SCHEDULED_ALONE = Mutation(
    "has a schedule and no job",
    {
        **_SCHEDULED.replace,
        "tolv.toml": (
            ('job = \'POST /jobs {"n": "{token}"}\'\n', ""),
            ('job_done = "GET /jobs/{id}"\n', 'scheduled = "GET /schedule"\n'),
        ),
    },
)
_IN_EACH = Mutation(
    "runs its schedule in each process",
    {
        **_SCHEDULED_ALONE.replace,
        "worker.py": (("def main() -> int:\n", _TICK.replace(_SLOT, "now")), *_SCHEDULED.replace["worker.py"][1:]),
    },
)
_ALONE = Mutation(
    "runs its schedule in the one process that may be",
    {
        **_IN_EACH.replace,
        "tolv.toml": (
            *_SCHEDULED_ALONE.replace["tolv.toml"],
            ("[processes.worker]\n", '[processes.worker]\nrollout = "stop-first"\n'),
        ),
    },
)

_LOG = "def log(level"
_IN_TIME = """\
sys.stdout = open(1, "w", buffering=1 << 16, closefd=False)


def in_time() -> None:
    while True:
        __import__("time").sleep(1.5)
        sys.stdout.flush()


__import__("threading").Thread(target=in_time, daemon=True).start()


"""
_WRITES_IN_TIME = Mutation(
    "writes its events every second and a half",
    {"telemetry.py": (("        sys.stdout.flush()\n", ""), (_LOG, f"{_IN_TIME}{_LOG}"))},
)


def _given_out_again() -> Mutation:
    """A queue that holds a job to be lost when it was in hand for three seconds."""
    replaced = {path: tuple(map(_with_time, pairs)) for path, pairs in PROBES["IX-P5"].mutation.replace.items()}
    assert replaced != PROBES["IX-P5"].mutation.replace
    return Mutation("gives out a job again after three seconds", replaced)


def _with_time(pair: tuple[str, str]) -> tuple[str, str]:
    old, new = pair
    new = new.replace("taken boolean NOT NULL DEFAULT false", "taken timestamptz")
    new = new.replace("SET taken = true", "SET taken = now()")
    return old, new.replace("WHERE NOT taken", "WHERE NOT done AND (taken IS NULL OR taken < now() - interval '3 s')")


@pytest.mark.parametrize(
    ("twin", "held"), [(_WITHOUT_SLOW, "the upload"), (_WITHOUT_FILES, "the write")], ids=["upload", "lock"]
)
def test_a_request_is_held_without_a_slow_route(twins: Twins, twin: Mutation, held: str) -> None:
    good = twins.twin(PROBES["IX-P2"], twin)
    assert good.verdict is Verdict.PROVED, told(good)
    assert good.outcome.reason.startswith(f"{held} is answered 20")


@pytest.mark.parametrize(
    ("twin", "held"), [(_WITHOUT_SLOW, "the upload"), (_WITHOUT_FILES, "the write")], ids=["upload", "lock"]
)
def test_one_that_is_held_so_and_cut_off_is_seen(twins: Twins, twin: Mutation, held: str) -> None:
    cut = replace(twin, replace={**twin.replace, "app.py": (*twin.replace["app.py"], _CUTS_OFF)})
    bad = twins.twin(PROBES["IX-P2"], cut)
    assert bad.verdict is Verdict.REFUTED, told(bad)
    assert bad.outcome.reason.startswith(f"{held} was in hand at SIGTERM and has no answer")


def test_a_recipe_that_begins_with_a_login_is_tried_by_a_stranger(twins: Twins) -> None:
    good = twins.twin(PROBES["SEC-P2"], _GUARDED)
    assert good.verdict is Verdict.PROVED, told(good)
    assert good.outcome.reason.startswith("2 of 2 guarded requests refused")  # the other is what the description guards
    assert any("POST /notes as a stranger -> 401" in one.text for one in good.evidence)


def test_a_stranger_who_may_do_what_a_recipe_logs_in_for_is_seen(twins: Twins) -> None:
    bad = twins.twin(PROBES["SEC-P2"], _UNGUARDED)
    assert bad.verdict is Verdict.REFUTED, told(bad)
    assert bad.outcome.reason == ("POST /notes of a stranger is answered 201; the write of [prove] begins with a login")


def test_events_that_only_take_their_time_are_not_held_back(twins: Twins) -> None:
    found = twins.twin(PROBES["XI-P3"], _WRITES_IN_TIME)
    assert found.verdict is Verdict.PROVED, told(found)


def test_a_job_that_is_given_out_again_later_is_not_lost(twins: Twins) -> None:
    found = twins.twin(PROBES["IX-P5"], _given_out_again())
    assert found.verdict is Verdict.PROVED, told(found)


@pytest.mark.parametrize("twin", [_SCHEDULED, _SCHEDULED_ALONE, _ALONE], ids=["and jobs", "alone", "of a singleton"])
def test_a_schedule_that_runs_once_for_all_processes_is_proved(twins: Twins, twin: Mutation) -> None:
    result = twins.twin(PROBES["VIII-P4"], twin)
    assert result.verdict is Verdict.PROVED, told(result)
    assert "the schedule ran" in result.outcome.reason


def test_a_schedule_that_runs_in_each_process_is_refuted(twins: Twins) -> None:
    result = twins.twin(PROBES["VIII-P4"], _IN_EACH)
    assert result.verdict is Verdict.REFUTED, told(result)
    assert "it runs in each" in result.outcome.reason
