"""What goes wrong with backing services: each fault is done to a real server, and what is promised of it is seen."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis as client
from e2e.bomb import start_with_bomb, survives
from e2e.disk import AS_ROOT, fill, small_disk
from e2e.invariants import check
from e2e.machine import Machine, alive, eventually, kill
from e2e.notes import notes_app
from e2e.programs import lend

Fresh = Callable[..., Machine]
CACHE = '[services.cache]\nkind = "redis"\n'
#: Every tenth act, to keep the suite fast; `TOLV_TEST_STRIDE=1` tries every single one.
_STRIDE = int(os.environ.get("TOLV_TEST_STRIDE", "10"))


@pytest.fixture
def reachable(fetched: Path) -> Iterator[Path]:
    """A directory that users without a name can reach, which pytest's own are not."""
    path = Path(tempfile.mkdtemp(prefix="reachable-", dir=fetched))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def quick(fresh: Fresh, fetched: Path) -> Fresh:
    """Machines that look at their services often, and need not fetch their programs again."""

    def make(**settings: str) -> Machine:
        machine = fresh(**{"TOLV_SERVICE_LOOK": "0.5", **settings})
        lend(fetched, machine)
        return machine

    return make


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, fetched: Path) -> Iterator[Machine]:
    base = tmp_path_factory.mktemp("faults")
    (base / "projects").mkdir()
    one = Machine(base / "home", base / "projects", TOLV_SERVICE_LOOK="0.5", TOLV_SERVICE_WAIT="2")
    lend(fetched, one)
    yield one
    one.close()
    assert one.survivors() == []


def row(machine: Machine, app: str, name: str = "database", environment: str = "dev") -> dict[str, Any]:
    rows = machine.api(f"/services?app={app}&environment={environment}")
    found: dict[str, Any] = next(one for one in rows if one["name"] == name)
    return found


def notes(machine: Machine, host: str, path: str = "/") -> Any:
    answer = machine.get(host, path)
    return answer.json["notes"] if answer.status == 200 else answer.status


def log_of(machine: Machine, app: str, environment: str = "dev") -> str:
    return machine.tolv("logs", "-a", app, "-e", environment, "-n", "200").out


def postmasters(machine: Machine) -> dict[str, list[int]]:
    """The PostgreSQL servers that run on this home's data, by data directory."""
    found: dict[str, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = entry.read_bytes().split(b"\0")
            if len(words) > 2 and words[0].endswith(b"/postgres") and words[1] == b"-D":
                directory = os.fsdecode(words[2])
                if directory.startswith(f"{machine.home}/services/"):
                    found.setdefault(directory, []).append(int(entry.parent.name))
    return found


@AS_ROOT
def test_on_a_full_disk_a_service_is_left_alone_and_nothing_that_it_promised_is_lost(quick: Fresh) -> None:
    machine = quick(TOLV_SERVICE_LOOK="0.2")
    (machine.home / "services").mkdir(mode=0o700, parents=True)
    path = machine.app("shop", {"tolv.toml": CACHE})
    with small_disk(machine.home / "services", "size=60m,mode=711"):
        try:
            machine.tolv("up", "--detach", str(path))
            url = machine.tolv("config", "get", "REDIS_URL", "-a", "shop", "-e", "dev").out.strip()
            before = row(machine, "shop", "cache")
            with client.from_url(url) as connection:
                fill(machine.home / "services", left=1 << 20)
                promised = 0
                with pytest.raises(client.ResponseError):
                    for number in range(10_000):
                        connection.set(f"n{number}", "x" * 10_000)
                        promised = number + 1
                found = eventually(lambda: (one := row(machine, "shop", "cache"))["state"] == "unready" and one)
                assert "space" in found["reason"]
                machine.kill_server()
                machine.tolv("apps")
                eventually(lambda: row(machine, "shop", "cache")["state"] == "unready")
                looks = connection.info("stats")["total_connections_received"]
                eventually(lambda: connection.info("stats")["total_connections_received"] > looks + 15)
                found = row(machine, "shop", "cache")
                assert (found["pid"], found["restarts"]) == (before["pid"], 0)
                assert machine.get("shop").status == 200
                (machine.home / "services" / "ballast").unlink()
                eventually(lambda: row(machine, "shop", "cache")["state"] == "ready")
                assert row(machine, "shop", "cache")["pid"] == before["pid"]
                assert all(connection.exists(f"n{number}") for number in range(promised))
        finally:
            machine.tolv("server", "stop", ok=False)


@AS_ROOT
def test_a_service_that_cannot_be_made_for_want_of_space_says_so_and_leaves_nothing(quick: Fresh) -> None:
    machine = quick()
    (machine.home / "services").mkdir(mode=0o700, parents=True)
    path = notes_app(machine, "shop")
    with small_disk(machine.home / "services", "size=150m,mode=711"):
        try:
            fill(machine.home / "services", left=8 << 20)
            failed = machine.tolv("up", "--detach", str(path), ok=False)
            assert failed.code == 3
            assert "No space left" in failed.err
            assert "remedy" in failed.err
            assert [one.name for one in (machine.home / "services").iterdir()] == ["ballast"]
            assert machine.api("/services") == []
            (machine.home / "services" / "ballast").unlink()
            machine.tolv("up", "--detach", str(path))
            assert notes(machine, "shop") == []
        finally:
            machine.tolv("server", "stop", ok=False)


def test_a_server_that_does_not_let_tolv_in_is_said_and_the_app_goes_on(machine: Machine, name: str) -> None:
    machine.tolv("up", "--detach", str(notes_app(machine, name)))
    before = row(machine, name)
    data = Path(next(one for one in postmasters(machine) if f"/{name}-" in one))
    access = (data / "pg_hba.conf").read_text()
    (data / "pg_hba.conf").write_text("host all tolv 127.0.0.1/32 reject\n" + access)
    os.kill(before["pid"], signal.SIGHUP)
    found = eventually(lambda: (one := row(machine, name))["state"] == "unready" and one)
    assert "let this user in" in found["reason"]
    assert notes(machine, name, "/add/one") == ["one"]
    log = data.parents[1] / "server.log"
    looks = log.read_text().count("reject")
    eventually(lambda: log.read_text().count("reject") > looks + 10)
    (data / "pg_hba.conf").write_text(access)
    os.kill(before["pid"], signal.SIGHUP)
    found = eventually(lambda: (one := row(machine, name))["state"] == "ready" and one)
    assert (found["pid"], found["restarts"]) == (before["pid"], 0)
    assert "unready" in log_of(machine, name)
    assert "well again" in log_of(machine, name)
    machine.tolv("destroy", name, "--yes", "--with-data")


def test_a_database_that_can_only_be_read_is_shown_so(machine: Machine, name: str) -> None:
    import psycopg

    machine.tolv("up", "--detach", str(notes_app(machine, name)))
    url = machine.tolv("config", "get", "DATABASE_URL", "-a", name, "-e", "dev").out.strip()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET default_transaction_read_only = on")
    assert row(machine, name)["read_only"]
    assert "read-only" in machine.tolv("services", "-a", name).out
    assert notes(machine, name) == []
    machine.tolv("destroy", name, "--yes", "--with-data")


@pytest.mark.parametrize("damage", ["PG_VERSION", "global/pg_control", "postgresql.conf"])
def test_files_that_are_damaged_are_said_and_never_made_anew(machine: Machine, name: str, damage: str) -> None:
    path = notes_app(machine, name)
    machine.tolv("up", "--detach", str(path))
    notes(machine, name, "/add/kept")
    data = Path(next(one for one in postmasters(machine) if f"/{name}-" in one))
    machine.tolv("down", "-a", name)
    whole = (data / damage).read_bytes()
    (data / damage).write_bytes(b"15\n")
    failed = machine.tolv("up", "--detach", str(path), ok=False)
    assert failed.code == 3
    assert {"PG_VERSION": "PostgreSQL 15", "global/pg_control": "pg_control", "postgresql.conf": "syntax error"}[
        damage
    ] in failed.err
    assert "its data is kept" in failed.err
    eventually(lambda: row(machine, name)["state"] == "stopped")
    (data / damage).write_bytes(whole)
    machine.tolv("up", "--detach", str(path))
    assert notes(machine, name) == ["kept"]
    machine.tolv("destroy", name, "--yes", "--with-data")


def test_a_keeper_that_is_killed_leaves_services_alone_and_watched(machine: Machine, name: str) -> None:
    machine.tolv("up", "--detach", str(notes_app(machine, name)))
    before = row(machine, name)["pid"]
    kill(machine.tolv("server", "status", "--json").json["keeper_pid"])
    assert notes(machine, name, "/add/one") == ["one"]
    eventually(lambda: row(machine, name)["state"] == "ready")
    assert row(machine, name)["pid"] == before
    kill(before)
    eventually(lambda: row(machine, name)["pid"] not in (before, None))
    eventually(lambda: notes(machine, name) == ["one"])
    machine.tolv("destroy", name, "--yes", "--with-data")


def test_a_service_elsewhere_that_is_lost_and_back_is_said_in_the_apps_stream(machine: Machine, name: str) -> None:
    other = f"{name}-o"
    machine.tolv("up", "--detach", str(notes_app(machine, name)))
    url = machine.tolv("config", "get", "DATABASE_URL", "-a", name, "-e", "dev").out.strip()
    path = notes_app(machine, other)
    assert machine.tolv("deploy", str(path), "-e", "prod", ok=False).code == 1
    machine.tolv("attach", "database", "--url", url, "-a", other, "-e", "prod")
    machine.deploy(path)
    assert notes(machine, f"{other}-prod") == []
    pids = [one["pid"] for one in machine.ps(other)]
    machine.tolv("down", "-a", name)
    assert notes(machine, f"{other}-prod") == 503, "it is the app that answers so"
    eventually(lambda: "lost: " in log_of(machine, other, "prod"))
    machine.tolv("up", "--detach", str(machine.projects / name))
    eventually(lambda: log_of(machine, other, "prod").rstrip().splitlines()[-1].endswith("back"))
    assert notes(machine, f"{other}-prod") == []
    assert [one["pid"] for one in machine.ps(other)] == pids
    assert log_of(machine, other, "prod").count("lost: ") == 1
    machine.tolv("destroy", other, "--yes")
    machine.tolv("destroy", name, "--yes", "--with-data")


def test_a_deploy_waits_for_a_required_service_and_names_it_at_the_deadline(machine: Machine, name: str) -> None:
    machine.tolv("up", "--detach", str(notes_app(machine, name)))
    url = machine.tolv("config", "get", "DATABASE_URL", "-a", name, "-e", "dev").out.strip()
    other = f"{name}-o"
    path = notes_app(machine, other)
    assert machine.tolv("deploy", str(path), "-e", "prod", ok=False).code == 1
    machine.tolv("attach", "database", "--url", url, "-a", other, "-e", "prod")
    machine.tolv("down", "-a", name)
    failed = machine.tolv("deploy", str(path), "-e", "prod", "--wait", ok=False)
    assert failed.code == 1
    assert "waiting for database" in failed.out
    assert "database (postgres) did not answer within 2 s" in failed.err
    assert url.split(":")[2].split("@")[0] not in failed.err
    machine.tolv("destroy", other, "--yes")
    machine.tolv("destroy", name, "--yes", "--with-data")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("command", ["up", "swap"])
def test_a_server_killed_after_any_act_leaves_no_service_unwatched_and_the_next_try_gets_through(
    quick: Fresh, command: str
) -> None:
    machine = quick()
    path = notes_app(machine, "shop")
    start_with_bomb(machine)
    for turn in range(1, 200, _STRIDE):
        if command == "swap":
            machine.tolv("up", "--detach", str(path))
        words = {"up": ["up", "--detach", str(path)], "swap": ["swap", "database", "--version", "18", "-a", "shop"]}
        through = survives(machine, turn, words[command])
        start_with_bomb(machine)
        check(machine)
        assert all(len(pids) == 1 for pids in postmasters(machine).values())
        if not through:
            again = machine.tolv(*words[command], ok=command == "up")
            assert again.code == 0 or "database" in again.err
        eventually(lambda: notes(machine, "shop", "/add/x") == ["x"])
        check(machine)
        machine.tolv("destroy", "shop", "--yes", "--with-data")
        assert postmasters(machine) == {}
        assert not list((machine.home / "services").iterdir())
        if through:
            break
    else:
        pytest.fail(f"{command} never got through")
    assert turn > 3, "the server was never killed"


@pytest.mark.timeout(120)
def test_a_server_killed_while_a_database_is_made_leaves_no_other_at_work_on_its_files(quick: Fresh) -> None:
    machine = quick()
    path = notes_app(machine, "shop")
    killed = 0
    for _ in range(3):
        machine.tolv("apps")
        server = machine.tolv("server", "status", "--json").json["pid"]
        command = machine.start("up", "--detach", str(path))
        # A server that follows a killed one may have made the database before anybody asks for it.
        eventually(lambda server=server, command=command: children(server, "initdb") or command.poll() is not None)
        killed += command.poll() is None
        kill(server)
        command.communicate()
    assert killed
    machine.tolv("up", "--detach", str(path))
    assert notes(machine, "shop", "/add/x") == ["x"]
    check(machine)
    assert [len(pids) for pids in postmasters(machine).values()] == [1]
    assert {one.name for one in (machine.home / "services").glob("*/files/*")} == {"data"}


@AS_ROOT
def test_without_a_sandbox_and_below_a_deep_home_a_service_is_nobody_and_runs(reachable: Path, fetched: Path) -> None:
    base = reachable / ("deep-" * 30) / ("deeper-" * 20)
    (base / "projects").mkdir(parents=True)
    machine = Machine(base / "home", base / "projects", TOLV_SANDBOX="off")
    lend(fetched, machine)
    try:
        machine.tolv("up", "--detach", str(notes_app(machine, "shop")))
        assert notes(machine, "shop", "/add/x") == ["x"]
        pid = machine.tolv("services", "--json").json[0]["pid"]
        assert Path(f"/proc/{pid}").stat().st_uid not in (0, 65534)
        kill(pid)
        eventually(lambda: notes(machine, "shop") == ["x"])
    finally:
        machine.close()
    assert not alive(pid)
    assert machine.survivors() == []


def children(pid: int, name: str) -> list[int]:
    """Processes of that name which a process has started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            text = entry.read_text()
            if f"({name})" in text and int(text.rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.parent.name))
    return found
