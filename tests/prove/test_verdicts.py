"""Verdicts on small apps whose behaviour is easily taken for another."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prove.conftest import can_make_networks

Run = Callable[..., "subprocess.CompletedProcess[str]"]

APP = """\
import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NOTES = Path("notes")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        {get}

    def do_POST(self):
        if not self.path.startswith("/notes"):
            return self.say(404, "no")
        text = self.rfile.read(int(self.headers["Content-Length"]))
        number = os.urandom(8).hex()
        (NOTES / f"{number}").write_bytes(text)
        self.say(201, json.dumps({"id": number}))

    def say(self, status, text):
        self.send_response(status)
        self.end_headers()
        time.sleep({pause})
        self.wfile.write(text.encode())


NOTES.mkdir(exist_ok=True)
signal.signal(signal.SIGTERM, lambda *_: os._exit({status}))
ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""
CATCH_ALL = 'self.say(200, f"<p>{self.path} has been asked for {os.urandom(9).hex()}</p>")'
OWN_ROUTE = 'self.say(200, "well" if self.path == "/health" else "<p>a page</p>")'
DEEP_PAGES = """\
self.send_response(200 if "/" in self.path[1:] or self.path == "/" else 404)
        self.end_headers()
        self.wfile.write(b"a page")"""
NOTE = """\
path = NOTES / self.path.rpartition("/")[2]
        self.say(200, path.read_text() if path.is_file() else "a page")"""
LOOKS_UP = """\
import contextlib, socket
        with contextlib.suppress(OSError):
            if self.path.startswith("/fetch"):
                socket.getaddrinfo(self.path.rpartition("=")[2] if "=" in self.path else "hooks.example", 80)
        self.say(200, "a page")"""
DECLARED = '[processes.web]\nhealth = "/health"\n'
RECIPES = """\
[prove]
read = "GET /"
write = 'POST /notes {"text": "{token}"}'
read_back = "GET /notes/{id}"
"""


@pytest.fixture
def prove(tolv: Run, tmp_path: Path) -> Callable[..., dict[str, tuple[str, str]]]:
    """Try probes on an app: by id, the verdict and its reason."""

    def run(
        only: str,
        *,
        get: str,
        status: int = 0,
        manifest: str = "",
        start: str = "exec python3 app.py",
        pause: float = 0,
        spec: dict[str, Any] | None = None,
    ) -> dict[str, tuple[str, str]]:
        app = tmp_path / "small"
        app.mkdir()
        (app / "Procfile").write_text(f"web: {start}\n")
        code = APP.replace("{get}", get).replace("{status}", str(status)).replace("{pause}", str(pause))
        (app / "app.py").write_text(code)
        (app / "manage.py").write_text("import signal, sys\nsys.argv[1] == 'check' or signal.pause()\n")
        (app / "tolv.toml").write_text(f'name = "small"\n{manifest}')
        if spec is not None:
            (app / "openapi.json").write_text(json.dumps(spec))
        done = tolv("prove", str(app), "--only", only, "--json")
        report = json.loads(done.stdout)
        notes = {"notes": ("", "; ".join(report["notes"]))}
        return notes | {one["id"]: (one["verdict"], one["reason"]) for one in report["probes"]}

    return run


Prove = Callable[..., dict[str, tuple[str, str]]]


def test_a_health_route_that_is_but_the_catch_all_tells_nothing(prove: Prove) -> None:
    verdict, reason = prove("HLT-P1", get=CATCH_ALL, manifest=DECLARED)["HLT-P1"]
    assert verdict == "refuted"
    assert reason == "/health is answered as any made-up path is: that tells nothing of its health"


def test_a_page_that_any_path_of_two_parts_gets_is_no_health_route(prove: Prove) -> None:
    verdict, reason = prove("HLT-P1", get=DEEP_PAGES)["HLT-P1"]
    assert verdict == "refuted", reason
    assert reason == "no route tells its health: tolv.toml names none, and none of the usual ones is there"


def test_a_health_route_of_its_own_beside_a_catch_all_is_one(prove: Prove) -> None:
    verdict, reason = prove("HLT-P1", get=OWN_ROUTE, manifest=DECLARED)["HLT-P1"]
    assert verdict == "proved", reason


@pytest.mark.skipif(not can_make_networks(), reason="there are no namespaces here")
@pytest.mark.parametrize(("status", "verdict"), [(0, "proved"), (143, "proved"), (1, "advisory")])
def test_a_stop_that_reports_a_failure_is_told(prove: Prove, status: int, verdict: str) -> None:
    found, reason = prove("IX-P3", get=OWN_ROUTE, status=status)["IX-P3"]
    assert found == verdict
    assert f"exit status {status} after " in reason
    assert ("(exec python3 app.py)" in reason) == (verdict == "advisory")


def test_what_lies_on_the_disk_outlives_a_kill_there_and_nowhere_else(prove: Prove) -> None:
    found = prove("IX-P4,VI-P2", get=NOTE, manifest=RECIPES)
    assert found["IX-P4"][0] == "proved", found
    assert found["IX-P4"][1].startswith("ready again on the same disk, ")
    assert found["VI-P2"][0] == "refuted"
    assert " -> 200 without k" in found["VI-P2"][1]


def test_an_answer_that_a_kill_cuts_short_confirms_nothing(prove: Prove) -> None:
    """Heads go out before bodies here, and no head says how long the body is: its end is the connection's."""
    found = prove("IX-P4", get=NOTE, manifest=RECIPES, pause=0.2)
    assert found["IX-P4"][0] == "proved", found


def test_a_write_that_was_found_and_that_the_app_refuses_is_left(prove: Prove) -> None:
    made = {"requestBody": {"content": {"application/json": {"schema": {"properties": {"text": {"type": "string"}}}}}}}
    spec = {"openapi": "3.1.0", "paths": {"/v1/things": {"post": made, "get": {}}}}
    found = prove("VI-P2,VIII-P1", get=OWN_ROUTE, spec=spec)
    assert found["VI-P2"] == ("not provable", "[prove] of tolv.toml names no write")
    assert found["VIII-P1"][0] == "proved", found  # by what it reads
    assert "POST /v1/things" in found["notes"][1]
    assert "(openapi.json), and left it: it is answered 404 Not Found" in found["notes"][1]


def test_what_an_app_may_write_without_a_place_for_logs_is_named(prove: Prove) -> None:
    verdict, reason = prove("XI-P5", get=OWN_ROUTE)["XI-P5"]
    assert verdict == "not provable"  # it makes its directory when it starts, and that is V-P1's
    assert "nothing but TMPDIR" in reason


@pytest.mark.parametrize(
    ("started", "told"),
    [
        ("pybabel compile -d translations;", "it ran pybabel compile -d translations"),
        ("python3 manage.py collectstatic --noinput &", "it ran django-admin collectstatic --noinput"),
    ],
)
def test_what_compiles_translations_and_assets_builds(prove: Prove, started: str, told: str) -> None:
    assert prove("V-P2", get=OWN_ROUTE, start=f"{started} exec python3 app.py")["V-P2"] == ("refuted", told)


def test_another_command_of_manage_py_builds_nothing(prove: Prove) -> None:
    start = "python3 manage.py sendalerts & exec python3 app.py"
    verdict, reason = prove("V-P2", get=OWN_ROUTE, start=start)["V-P2"]
    assert verdict == "proved", reason


@pytest.mark.skipif(not can_make_networks(), reason="there are no namespaces here")
@pytest.mark.parametrize(("path", "verdict"), [("/fetch?host=shop.example", "proved"), ("/fetch", "refuted")])
def test_a_host_that_a_request_names_is_not_in_the_code(prove: Prove, path: str, verdict: str) -> None:
    recipes = f'[prove]\nread = "GET {path}"\n'
    found, reason = prove("IV-P2", get=LOOKS_UP, manifest=recipes)["IV-P2"]
    assert found == verdict, reason
    assert ("hooks.example" in reason) == (verdict == "refuted")


@pytest.mark.parametrize(("release", "verdict"), [('[release]\ncommand = "true"\n', "proved"), ("", "refuted")])
def test_what_prepares_a_proof_is_no_admin_command_of_an_app_that_has_one(
    prove: Prove, release: str, verdict: str
) -> None:
    found, reason = prove("XII-P1", get=OWN_ROUTE, manifest=f'{release}[prove]\nprepare = "exit 7"\n')["XII-P1"]
    assert found == verdict, reason
    assert ("exit status 7" in reason) == (verdict == "refuted")


def test_a_variable_that_is_named_in_colour_is_named(prove: Prove) -> None:
    start = (
        "[ -n \"$JWT_SECRET\" ] || { printf 'Missing:\\n \\033[34mJWT_SECRET\\033[0m: undefined\\n'; exit 1; }; "
        "exec python3 app.py"
    )
    told = prove("III-P1", get=OWN_ROUTE, start=start, manifest='[prove]\nenv = {JWT_SECRET = "s"}\n')["III-P1"]
    assert told == ("proved", "without config it ends and names JWT_SECRET")
