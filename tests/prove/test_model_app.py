"""The model app keeps each promise that a probe tries: it is run, and asked."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import psycopg
import pytest
from prove.running import Process, Reply, connections, eventually, hushing, listening, url_of
from services.servers import Server

from tolv.prove.twins import EARLIER, MODEL, make_twin

Start = Callable[..., Process]

SPEC = json.loads((MODEL / "openapi.json").read_text())


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes of the app: `start("app.py", DATABASE_URL=…)`. They end with the test."""
    started: list[Process] = []

    def run(*command: str, **options: Any) -> Process:
        started.append(Process(*command, **options))
        return started[-1]

    yield run
    for one in started:
        one.process.kill()
        one.end()


@pytest.fixture
def database(postgres: Server, start: Start) -> str:
    """The URL of a database with the schema."""
    assert start("schema.py", DATABASE_URL=url_of(postgres)).end() == 0
    return url_of(postgres)


@pytest.fixture
def web(database: str, start: Start) -> Process:
    return start("app.py", DATABASE_URL=database, TOLV_COMMIT="c0ffee").ready()


def conforms(reply: Reply, path: str, method: str = "get") -> None:
    """The reply is one that the specification has for the operation."""
    answers = SPEC["paths"][path][method]["responses"]
    answer = answers[str(reply.status)]
    if "$ref" in answer:
        answer = SPEC["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    assert set(answer.get("headers", {})) <= set(reply.headers)
    if "content" not in answer:
        assert reply.body == b""
        return
    kind = reply.headers["Content-Type"].partition(";")[0]
    if kind == "application/json":
        schema = {**answer["content"][kind]["schema"], "components": SPEC["components"]}
        jsonschema.validate(reply.json, schema, jsonschema.Draft202012Validator)
    else:
        assert kind in answer["content"]


# What it does.


def test_notes_are_written_read_and_listed(web: Process) -> None:
    written = [web.ask("POST", "/notes", {"text": f"note {number}"}) for number in range(12)]
    assert {one.status for one in written} == {201}
    note = written[-1].json
    assert written[-1].headers["Location"] == f"/notes/{note['id']}"
    assert web.ask("GET", f"/notes/{note['id']}").json == {"id": note["id"], "text": "note 11"}
    listed = web.ask("GET", "/").json
    assert (listed["title"], listed["total"]) == ("Notes", 12)
    assert [one["text"] for one in listed["notes"]] == [f"note {number}" for number in range(11, 1, -1)]


def test_every_operation_answers_as_the_specification_says(web: Process) -> None:
    note = {"text": "a"}
    login = {"user": "ada", "password": "horse"}
    signed = web.ask("POST", "/login", login)
    cookie = {"Cookie": signed.headers["Set-Cookie"].partition(";")[0]}
    tried = [
        ("/", "get", web.ask("GET", "/"), 200),
        ("/notes", "post", web.ask("POST", "/notes", note), 201),
        ("/notes", "post", web.ask("POST", "/notes", b"{"), 400),
        ("/notes", "post", web.ask("POST", "/notes", b"[" * 100_000), 400),
        ("/notes", "post", web.ask("POST", "/notes", {"text": "\0"}), 400),
        ("/notes", "post", web.ask("POST", "/notes", b'{"text": "\\ud800"}'), 400),
        ("/notes", "post", web.ask("POST", "/notes", b"x" * 2_000_000), 413),
        ("/notes", "post", web.ask("POST", "/notes", None, Transfer_Encoding="chunked"), 411),
        ("/notes/{id}", "get", web.ask("GET", "/notes/1"), 200),
        ("/notes/{id}", "get", web.ask("GET", "/notes/999999999999999999"), 404),
        ("/notes/{id}", "delete", web.ask("DELETE", "/notes/1"), 401),
        ("/notes/{id}", "delete", web.ask("DELETE", "/notes/1", **cookie), 204),
        ("/notes/{id}", "delete", web.ask("DELETE", "/notes/1", **cookie), 404),
        ("/login", "post", signed, 200),
        ("/login", "post", web.ask("POST", "/login", {**login, "password": "cow"}), 401),
        ("/login", "post", web.ask("POST", "/login", {**login, "user": "a.b"}), 400),
        ("/me", "get", web.ask("GET", "/me", **cookie), 200),
        ("/me", "get", web.ask("GET", "/me"), 401),
        ("/me", "get", web.ask("GET", "/me", Cookie="session=ada.9999999999.00"), 401),
        ("/files/{name}", "put", web.ask("PUT", "/files/a.bin", b"\0\xff"), 200),
        ("/files/{name}", "get", web.ask("GET", "/files/a.bin"), 200),
        ("/files/{name}", "get", web.ask("GET", "/files/b.bin"), 404),
        ("/jobs", "post", web.ask("POST", "/jobs", {"n": "1"}), 202),
        ("/jobs/{id}", "get", web.ask("GET", "/jobs/1"), 200),
        ("/jobs/{id}", "get", web.ask("GET", "/jobs/2"), 404),
        ("/live", "get", web.ask("GET", "/live"), 200),
        ("/ready", "get", web.ask("GET", "/ready"), 200),
        ("/version", "get", web.ask("GET", "/version"), 200),
        ("/openapi.json", "get", web.ask("GET", "/openapi.json"), 200),
        ("/metrics", "get", web.ask("GET", "/metrics"), 200),
        ("/slow", "get", web.ask("GET", "/slow"), 200),
        ("/outbound", "get", web.ask("GET", "/outbound"), 200),
    ]
    for path, method, reply, status in tried:
        assert reply.status == status, (path, method, reply)
        conforms(reply, path, method)
    operations = {(path, method) for path, found in SPEC["paths"].items() for method in found}
    assert {(path, method) for path, method, _, _ in tried} == operations


def test_the_specification_has_every_route_and_says_which_are_public() -> None:
    routes = re.findall(r'@route\("(\w+)", "([^"]+)"\)', (MODEL / "app.py").read_text())
    assert {(method.lower(), path) for method, path in routes} == {
        (method, path) for path, found in SPEC["paths"].items() for method in found
    }
    protected = {path for path, found in SPEC["paths"].items() for one in found.values() if one.get("security") is None}
    assert SPEC["security"] == [{"session": []}]
    assert protected == {"/notes/{id}", "/me"}


def test_what_is_no_route_or_no_request_is_refused_as_json(web: Process) -> None:
    assert web.ask("GET", "/nothing").json == {"error": "there is no such thing"}
    refused = web.ask("PATCH", "/notes/1", b"body")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, DELETE")
    for line, status in ((b"GET\r\n\r\n", 400), (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414)):
        with socket.create_connection(("127.0.0.1", web.port), timeout=20) as raw:
            raw.sendall(line)
            head, _, body = raw.makefile("rb").read().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert set(json.loads(body)) == {"error"}


def test_head_has_no_body_and_a_connection_is_kept(web: Process) -> None:
    connection = web.connect()
    for method in ("HEAD", "GET", "HEAD"):
        connection.request(method, "/version")
        answer = connection.getresponse()
        assert answer.getheader("Content-Length") == str(len('{"commit": "c0ffee"}'))
        assert answer.read() == (b"" if method == "HEAD" else b'{"commit": "c0ffee"}')
        assert answer.getheader("X-Commit") == "c0ffee"


# What it keeps, and where.


def test_two_processes_share_all_that_is_kept(web: Process, database: str, start: Start) -> None:
    other = start("app.py", DATABASE_URL=database).ready()
    session = web.ask("POST", "/login", {"user": "ada", "password": "horse"}).headers["Set-Cookie"].partition(";")[0]
    assert other.ask("GET", "/me", Cookie=session).json == {"user": "ada"}
    note = web.ask("POST", "/notes", {"text": "kept"}).json["id"]
    web.ask("PUT", "/files/kept", b"bytes")
    web.process.kill()
    assert other.ask("GET", f"/notes/{note}").json["text"] == "kept"
    assert other.ask("GET", "/files/kept").body == b"bytes"


def test_a_session_counts_only_under_the_key_that_signed_it(web: Process, database: str, start: Start) -> None:
    other = start("app.py", DATABASE_URL=database, SECRET_KEY="another").ready()
    session = web.ask("POST", "/login", {"user": "ada", "password": "horse"}).headers["Set-Cookie"].partition(";")[0]
    assert other.ask("GET", "/me", Cookie=session).status == 401


def test_nothing_is_written_to_disk(database: str, start: Start, tmp_path: Path) -> None:
    make_twin(tmp_path / "twin", None)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    web = start("app.py", root=tmp_path / "twin", DATABASE_URL=database, HOME=str(tmp_path), TMPDIR=str(tmp_path))
    web.ready().ask("PUT", "/files/a", b"1")
    assert web.stop() == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


# Config.


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"SECRET_KEY": ""}, "config is incomplete: set DATABASE_URL and SECRET_KEY"),
        ({"SECRET_KEY": "", "DATABASE_URL": "postgresql://x/y"}, "config is incomplete: set SECRET_KEY"),
        ({"DATABASE_URL": "hunter2"}, "DATABASE_URL is no URL that starts with postgresql:// or postgres://"),
        ({"DATABASE_URL": "postgresql://a:%zz@/b"}, "DATABASE_URL cannot be read as the URL of a PostgreSQL database"),
        (
            {"DATABASE_URL": "postgresql://x/y", "UPSTREAM_URL": "file:///etc/passwd"},
            "UPSTREAM_URL is no URL that starts with http:// or https://",
        ),
        (
            {"DATABASE_URL": "postgresql://x/y", "LOG_LEVEL": "loud"},
            "LOG_LEVEL is 'loud': set it to one of debug, info, warning, error",
        ),
    ],
)
@pytest.mark.parametrize("program", ["app.py", "worker.py", "schema.py"])
def test_wrong_config_ends_it_at_once(start: Start, program: str, config: dict[str, str], said: str) -> None:
    process = start(program, **config)
    assert process.end() == 1
    assert process.lines == [said]


def test_each_documented_variable_is_one_that_it_reads() -> None:
    documented = set(re.findall(r"^(\w+)=", (MODEL / ".env.example").read_text(), re.MULTILINE))
    code = "".join((MODEL / name).read_text() for name in ("app.py", "config.py", "telemetry.py"))
    read = set(re.findall(r'os\.environ(?:\.get\(|\[)"(\w+)"', code))
    assert read - documented == {"PORT", "TOLV_COMMIT", "TOLV_PROCESS"}
    assert documented <= read


# Health.


def test_it_is_not_ready_before_the_schema_is_there_and_ready_after(postgres: Server, start: Start) -> None:
    web = start("app.py", DATABASE_URL=url_of(postgres))
    web.event("listening")
    assert web.status("/live") == 200
    assert web.ask("GET", "/ready").json == {"error": "the schema is not there yet"}
    assert start("schema.py", DATABASE_URL=url_of(postgres)).end() == 0
    assert web.status("/ready") == 200


def test_without_its_database_it_lives_says_so_and_comes_back(web: Process, postgres: Server) -> None:
    postgres.stop()
    assert web.status("/live") == 200
    unready = web.ask("GET", "/ready")
    assert unready.status == 503
    conforms(unready, "/ready")
    away = web.ask("GET", "/")
    assert (away.status, away.json, away.headers["Retry-After"]) == (503, {"error": "the database is away"}, "2")
    assert postgres.instance.password not in "".join(web.lines)
    postgres.start()
    assert web.status("/ready") == 200
    assert web.ask("POST", "/notes", {"text": "again"}).status == 201


@pytest.mark.parametrize("word", [b"", b"SELECT"], ids=["to the first byte", "to a question"])
def test_a_database_that_says_nothing_is_given_up(database: str, start: Start, word: bytes) -> None:
    port = database.rpartition(":")[2].partition("/")[0]
    with hushing(int(port), word) as mute:
        web = start("app.py", DATABASE_URL=database.replace(f":{port}/", f":{mute}/"))
        web.event("listening")
        assert web.ask("GET", "/").status == 503
        assert web.status("/ready") == 503
        assert web.status("/live") == 200


# Its end.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_asked_is_answered_before_it_ends(web: Process, number: int) -> None:
    idle = web.connect()
    idle.request("GET", "/live")
    idle.getresponse().read()
    slow = web.later("GET", "/slow")
    upload = http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)
    upload.putrequest("PUT", "/files/slowly")
    upload.putheader("Content-Length", "4")
    upload.endheaders(b"12")
    eventually(lambda: connections(web) == 3)
    web.process.send_signal(number)
    eventually(lambda: web.status("/ready") in (503, 0))
    web.event("stopping")
    idle.request("GET", "/ready")  # the one that knows it already is told
    told = idle.getresponse()
    assert (told.status, told.getheader("Connection")) == (503, "close")
    assert b"stopping" in told.read()
    reply = slow.get(timeout=20)
    assert isinstance(reply, Reply), reply
    assert reply.json == {"seconds": 1.5}
    eventually(lambda: web.status("/live") == 0)  # nobody else is let in
    upload.send(b"34")
    assert json.load(upload.getresponse()) == {"name": "slowly", "bytes": 4}
    assert web.end() == 0
    assert web.event("stopped")["finished"] is True


def test_connections_that_nobody_uses_do_not_hold_it_up(web: Process) -> None:
    with socket.create_connection(("127.0.0.1", web.port)):
        eventually(lambda: connections(web) == 1)
        assert web.stop() == 0


@pytest.mark.parametrize("program", ["app.py", "worker.py"])
def test_it_ends_as_the_first_process_of_a_namespace(start: Start, database: str, program: str) -> None:
    prefix = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")
    if subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("no namespaces here")
    process = start(program, prefix=prefix, DATABASE_URL=database)
    process.event({"app.py": "listening", "worker.py": "waiting for jobs"}[program])
    (inner,) = Path(f"/proc/{process.process.pid}/task/{process.process.pid}/children").read_text().split()
    os.kill(int(inner), signal.SIGTERM)
    assert process.end() == 0
    process.event("stopped")


def test_a_port_that_is_taken_ends_it(web: Process, database: str, start: Start) -> None:
    second = start("app.py", DATABASE_URL=database, PORT=str(web.port))
    assert second.end() == 1
    assert "Address already in use" in second.lines[-1]


# Jobs.


def effects(web: Process, jobs: list[int]) -> list[tuple[bool, int]]:
    found = [web.ask("GET", f"/jobs/{job}").json for job in jobs]
    return [(one["done"], one["effects"]) for one in found]


def order(web: Process, number: int) -> list[int]:
    return [web.ask("POST", "/jobs", {"n": str(one)}).json["id"] for one in range(number)]


def test_workers_do_each_job_once(web: Process, database: str, start: Start) -> None:
    jobs = order(web, 20)
    assert effects(web, jobs) == [(False, 0)] * 20
    workers = [start("worker.py", DATABASE_URL=database) for _ in range(2)]
    eventually(lambda: effects(web, jobs) == [(True, 1)] * 20)
    done = [one["job"] for worker in workers for one in worker.events if one["event"] == "job is begun"]
    assert sorted(done) == jobs


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_job_is_lost_or_done_twice_when_a_worker_ends(
    web: Process, database: str, start: Start, number: signal.Signals
) -> None:
    (job,) = order(web, 1)
    worker = start("worker.py", DATABASE_URL=database)
    worker.event("job is begun", job=job)
    assert worker.stop(number) == (0 if number is signal.SIGTERM else -number)
    assert effects(web, [job]) == ([(True, 1)] if number is signal.SIGTERM else [(False, 0)])
    if number is signal.SIGKILL:
        start("worker.py", DATABASE_URL=database)
        eventually(lambda: effects(web, [job]) == [(True, 1)])


def test_a_worker_waits_for_its_database(web: Process, postgres: Server, start: Start) -> None:
    worker = start("worker.py", DATABASE_URL=url_of(postgres))
    worker.event("waiting for jobs")
    postgres.stop()
    worker.event("jobs cannot be had")
    postgres.start()
    (job,) = order(web, 1)
    worker.event("job is done", job=job)


# The schema.


def test_the_release_phase_can_be_run_by_several_and_again(postgres: Server, start: Start) -> None:
    url = url_of(postgres)
    assert start("schema.py", "--check", DATABASE_URL=url).end() == 1
    several = [start("schema.py", DATABASE_URL=url) for _ in range(4)]
    assert [one.end() for one in several] == [0] * 4
    made = [one.event("schema is up to date")["migrations"] for one in several]
    assert sorted(made) == [0, 0, 0, 2]
    assert start("schema.py", "--check", DATABASE_URL=url).end() == 0


def test_a_one_off_that_fails_says_so(postgres: Server, start: Start) -> None:
    url = url_of(postgres)
    wrong = start("schema.py", "--chekc", DATABASE_URL=url)
    assert (wrong.end(), wrong.lines) == (2, ["usage: schema.py [--check]"])
    postgres.stop()
    away = start("schema.py", DATABASE_URL=url)
    assert away.end() == 1
    assert away.event("database is away")


def test_the_release_before_runs_on_the_schema_of_this_one(database: str, start: Start, tmp_path: Path) -> None:
    make_twin(tmp_path / "before", EARLIER)
    before = start("app.py", root=tmp_path / "before", DATABASE_URL=database).ready()
    assert before.ask("POST", "/notes", {"text": "still"}).status == 201
    assert start("schema.py", root=tmp_path / "before", DATABASE_URL=database).end() == 0


# What can be seen of it.


def test_each_request_is_one_event_that_is_there_when_the_answer_is(web: Process) -> None:
    traceparent = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
    reply = web.ask("GET", "/notes/7?token=hunter2", X_Request_ID="r-1", traceparent=traceparent)
    web.process.send_signal(signal.SIGKILL)
    web.end()
    assert reply.headers["X-Request-ID"] == "r-1"
    event = web.event("request", request_id="r-1")
    wanted = {"level": "info", "method": "GET", "path": "/notes/7", "status": 404, "trace_id": "ab" * 16}
    assert wanted.items() <= event.items()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", event["time"])
    assert "hunter2" not in "".join(web.lines)


def test_an_id_that_could_forge_a_line_is_not_taken(web: Process) -> None:
    assert web.ask("GET", "/live", X_Request_ID='a" b').headers["X-Request-ID"] != 'a" b'


def test_an_error_of_its_own_shows_nothing_outside_and_all_in_one_event(postgres: Server, web: Process) -> None:
    with psycopg.connect(url_of(postgres), autocommit=True) as connection:
        connection.execute("DROP TABLE notes")
    failed = web.ask("GET", "/")
    assert (failed.status, failed.json) == (500, {"error": "internal error"})
    said = web.event("request failed", request_id=failed.headers["X-Request-ID"])
    assert "UndefinedTable" in said["traceback"]


def test_a_quiet_one_says_less(database: str, start: Start) -> None:
    web = start("app.py", DATABASE_URL=database, LOG_LEVEL="warning").ready()
    assert web.stop() == 0
    assert {one["level"] for one in web.events} <= {"warning", "error"}


def test_requests_are_counted(web: Process) -> None:
    web.ask("POST", "/notes", {"text": "a"})
    web.ask("POST", "/notes", {})
    text = web.ask("GET", "/metrics").body.decode()
    assert 'http_requests_total{method="POST",status="201"} 1\n' in text
    assert 'http_requests_total{method="POST",status="400"} 1\n' in text


def test_spans_go_where_config_says_and_on_to_the_upstream(database: str, start: Start) -> None:
    with listening() as (url, heard):
        web = start(
            "app.py",
            DATABASE_URL=database,
            OTEL_EXPORTER_OTLP_ENDPOINT=url,
            OTEL_SERVICE_NAME="notebook",
            UPSTREAM_URL=f"{url}/upstream",
        ).ready()
        given = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
        assert web.ask("GET", "/outbound", traceparent=given).json == {"upstream": 200}
        assert web.stop() == 0
    (asked,) = [headers for path, headers, _ in heard if path == "/upstream"]
    sent = [json.loads(body)["resourceSpans"][0] for path, _, body in heard if path == "/v1/traces"]
    names = {one["resource"]["attributes"][0]["value"]["stringValue"] for one in sent}
    assert names == {"notebook"}
    spans = [span for one in sent for span in one["scopeSpans"][0]["spans"]]
    (span,) = [one for one in spans if one["traceId"] == "ab" * 16]
    assert span["parentSpanId"] == "cd" * 8
    assert asked["traceparent"] == f"00-{'ab' * 16}-{span['spanId']}-01"
    assert {"key": "url.path", "value": {"stringValue": "/outbound"}} in span["attributes"]


def test_where_nobody_listens_nothing_waits_or_fails(database: str, start: Start) -> None:
    nobody = "http://127.0.0.1:9"
    web = start("app.py", DATABASE_URL=database, OTEL_EXPORTER_OTLP_ENDPOINT=nobody, UPSTREAM_URL=nobody).ready()
    conforms(web.ask("GET", "/outbound"), "/outbound")
    web.event("spans are dropped")
    assert web.stop() == 0


def test_many_at_once_are_all_answered(web: Process) -> None:
    with ThreadPoolExecutor(24) as crowd:
        replies = list(crowd.map(lambda number: web.ask("POST", "/notes", {"text": str(number)}), range(200)))
    assert {one.status for one in replies} == {201}
    assert len({one.json["id"] for one in replies}) == 200
    assert web.ask("GET", "/").json["total"] == 200
