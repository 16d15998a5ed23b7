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
