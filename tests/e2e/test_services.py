"""Backing services: real servers, made and kept running for the apps that need them."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.load import Load
from e2e.machine import Machine, alive, eventually, kill
from e2e.notes import DECLARED, MIGRATE, notes_app
from e2e.programs import lend


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, fetched: Path) -> Iterator[Machine]:
    base = tmp_path_factory.mktemp("services")
    (base / "projects").mkdir()
    one = Machine(base / "home", base / "projects", TOLV_SERVICE_LOOK="1")
    lend(fetched, one)
    yield one
    one.close()
    assert one.survivors() == []


@pytest.fixture
def app(machine: Machine, name: str) -> Iterator[str]:
    """An app that is up in dev with a database of its own."""
    up(machine, notes_app(machine, name))
    yield name
    machine.tolv("destroy", name, "--yes", "--with-data")


def up(machine: Machine, path: Path, *words: str) -> None:
    machine.tolv("up", "--detach", str(path), *words)


def services(machine: Machine, *words: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = machine.tolv("services", "--json", *words).json
    return rows


def database(machine: Machine, app: str, name: str = "database") -> dict[str, Any]:
    return next(one for one in services(machine, "-a", app) if one["name"] == name)


def notes(machine: Machine, host: str, path: str = "/") -> Any:
    answer = machine.get(host, path)
    return answer.json if answer.status == 200 else answer.status


def log_of(machine: Machine, app: str, environment: str = "dev") -> list[str]:
    return machine.tolv("logs", "-a", app, "-e", environment, "-n", "200").out.splitlines()


def test_up_makes_what_is_declared_and_keeps_its_data(machine: Machine, app: str) -> None:
    assert notes(machine, app, "/add/first")["notes"] == ["first"]
    row = database(machine, app)
    assert (row["state"], row["kind"], row["version"].split(".")[0]) == ("ready", "postgres", "16")
    assert row["size"] > 0
    assert row["users"] == [{"app": app, "environment": "dev", "as": "database"}]
    assert row["variables"] == ["DATABASE_URL"]
    machine.tolv("down", "-a", app)
    assert not alive(row["pid"])
    assert database(machine, app)["state"] == "stopped"
    up(machine, machine.projects / app)
    assert notes(machine, app)["notes"] == ["first"]
    assert [one["release"] for one in machine.releases(app, "dev")] == ["v1"]


def test_the_url_is_shown_to_nobody(machine: Machine, app: str) -> None:
    url: str = machine.tolv("config", "get", "DATABASE_URL", "-a", app, "-e", "dev").out.strip()
    password = url.split(":")[2].split("@")[0]
    assert len(password) >= 32
    shown = [machine.tolv(*words, "-a", app).out for words in (("services", "--json"), ("config",), ("logs",), ("ps",))]
    assert not any(password in text for text in shown)
    arguments = [(entry / "cmdline") for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    assert not any(password.encode() in _read(one) for one in arguments)


def test_a_server_that_is_killed_comes_back_with_all_that_was_committed(machine: Machine, app: str) -> None:
    for number in range(20):
        notes(machine, app, f"/add/{number:02}")
    before = database(machine, app)["pid"]
    kill(before)
    eventually(lambda: notes(machine, app) not in (502, 503))
    assert notes(machine, app)["notes"] == [f"{number:02}" for number in range(20)]
    assert database(machine, app)["restarts"] == 1
    assert database(machine, app)["pid"] != before
    assert any("database" in line and "killed by SIGKILL" in line for line in log_of(machine, app))
    eventually(lambda: any("database" in line and "ready again" in line for line in log_of(machine, app)))


def test_a_server_that_hangs_is_replaced(machine: Machine, app: str) -> None:
    notes(machine, app, "/add/kept")
    before = database(machine, app)["pid"]
    os.kill(before, signal.SIGSTOP)
    eventually(lambda: database(machine, app)["pid"] not in (before, None), deadline=90)
    eventually(lambda: notes(machine, app) not in (502, 503))
    assert notes(machine, app)["notes"] == ["kept"]


def test_services_outlive_tolvs_server(machine: Machine, app: str) -> None:
    before = database(machine, app)["pid"]
    machine.kill_server()
    assert "notes" in notes(machine, app)
    row = eventually(lambda: (row := database(machine, app))["state"] == "ready" and row)
    assert row["pid"] == before
    kill(before)
    eventually(lambda: database(machine, app)["pid"] not in (before, None))
    eventually(lambda: "notes" in str(notes(machine, app)))


def test_they_come_back_when_server_and_keeper_are_gone_as_after_a_start_of_the_machine(
    machine: Machine, app: str
) -> None:
    notes(machine, app, "/add/kept")
    server = machine.tolv("server", "status", "--json").json
    pids = [one["pid"] for one in machine.ps(app, "dev")] + [database(machine, app)["pid"]]
    for pid in (server["pid"], server["keeper_pid"], *pids):
        kill(pid)
    machine.tolv("apps")
    eventually(lambda: notes(machine, app) not in (404, 502, 503, 504))
    assert notes(machine, app)["notes"] == ["kept"]


def test_a_deploy_without_its_service_is_refused_until_one_is_attached(machine: Machine, name: str) -> None:
    path = notes_app(machine, name)
    refused = machine.tolv("deploy", str(path), "-e", "prod", ok=False)
    assert refused.code == 1
    assert f"tolv attach database -a {name} -e prod" in refused.err
    machine.tolv("attach", "database", "-a", name, "-e", "prod")
    machine.deploy(path)
    assert notes(machine, f"{name}-prod", "/add/x")["notes"] == ["x"]
    again = machine.tolv("attach", "database", "-a", name, "-e", "prod", "--kind", "redis", ok=False)
    assert again.code == 2
    machine.tolv("destroy", name, "--yes", "--with-data")


def test_a_swap_to_another_version_and_back_loses_no_request_and_no_row(machine: Machine, app: str) -> None:
    path = machine.projects / app
    notes(machine, app, "/add/old")
    with Load(machine.port, f"{app}.localhost") as load:
        machine.tolv("swap", "database", "--version", "18", "-a", app)
        # The release phase has made its table there, too.
        assert notes(machine, app)["version"].startswith("18")
        assert notes(machine, app, "/add/new")["notes"] == ["new"]
        machine.tolv("rollback", "-a", app)
        assert notes(machine, app)["notes"] == ["old"]
        machine.tolv("swap", "database", "--to", "database-2", "-a", app)
        assert notes(machine, app)["notes"] == ["new"]
        machine.tolv("swap", "database", "--to", "database", "-a", app)
    assert load.failures == []
    assert notes(machine, app)["version"].startswith("16")
    builds = {one["build"] for one in machine.releases(app, "dev")}
    assert len(builds) == 1
    eventually(lambda: database(machine, app, "database-2")["state"] == "stopped")
    assert path.is_dir()


def test_a_version_that_is_not_the_declared_one_is_told_at_each_start(machine: Machine, app: str) -> None:
    path = machine.projects / app
    (path / "tolv.toml").write_text(DECLARED.replace("16", "18"))
    told = machine.tolv("up", "--detach", str(path)).out
    assert (
        f"database is postgres 16, and tolv.toml declares 18: tolv swap database --version 18 -a {app} -e dev" in told
    )
    machine.tolv("swap", "database", "--version", "18", "-a", app)
    assert "tolv.toml declares" not in machine.tolv("up", "--detach", str(path)).out
    assert notes(machine, app)["version"].startswith("18")


def test_a_variable_that_a_declaration_gains_later_is_set(machine: Machine, name: str) -> None:
    declared = (
        '[services.database]\nkind = "postgres"\nversion = "16"\n[services.database.env]\nDATABASE_URL = "{url}"\n'
    )
    path = notes_app(machine, name, declared)
    up(machine, path)
    notes(machine, name, "/add/kept")
    (path / "tolv.toml").write_text(declared + 'DB_PORT = "{port}"\nDB_ENGINE = "postgres"\n')
    up(machine, path)
    row = database(machine, name)
    assert (row["variables"], row["users"][0]["app"]) == (["DATABASE_URL", "DB_ENGINE", "DB_PORT"], name)
    assert machine.tolv("config", "get", "DB_PORT", "-a", name, "-e", "dev").out.strip() == row["where"].split(":")[1]
    machine.tolv("rollback", "-a", name)
    # The release before has not got them, and is attached all the same.
    assert database(machine, name)["users"] == row["users"]
    assert notes(machine, name)["notes"] == ["kept"]
    machine.tolv("destroy", name, "--yes", "--with-data")


def test_a_service_of_which_config_sets_a_part_is_told(machine: Machine, name: str) -> None:
    declared = (
        '[services.database]\nkind = "postgres"\n[services.database.env]\nDB_HOST = "{host}"\nDB_PORT = "{port}"\n'
    )
    files = {
        "Procfile": "web: python3 -m http.server $PORT --bind 127.0.0.1\n",
        "tolv.toml": declared,
        ".env": "DB_HOST=db\n",
    }
    told = machine.tolv("up", "--detach", str(machine.app(name, files)), ok=False)
    assert "database: DB_HOST is set and DB_PORT is not, so nothing is attached" in told.out


def test_a_release_phase_that_wants_an_extension_is_told_who_has_it(machine: Machine, name: str) -> None:
    path = notes_app(machine, name)
    (path / "migrate.py").write_text(MIGRATE.replace("create table if not exists notes", "create extension nowhere --"))
    told = machine.tolv("up", "--detach", str(path), ok=False).err
    assert "hint: the server has no extension nowhere; no version that Tolv can run here carries it" in told
    (path / "migrate.py").write_text(MIGRATE.replace("create table if not exists notes", "set role pg_monitor --"))
    told = machine.tolv("up", "--detach", str(path), ok=False).err
    assert "permission denied to set role" in told
    assert "hint" not in told, "the release being read-only has nothing to do with it"
    machine.tolv("destroy", name, "--yes", "--with-data")


def test_what_tolv_cannot_run_is_done_without_where_the_app_can(machine: Machine, name: str) -> None:
    declared = '[services.search]\nkind = "elasticsearch"\nrequired = false\n'
    procfile = "web: python3 -m http.server $PORT --bind 127.0.0.1\n"
    path = machine.app(name, {"Procfile": procfile, "tolv.toml": declared})
    told = machine.tolv("up", "--detach", str(path)).out
    assert f"search: Tolv runs no elasticsearch of its own; {name} starts without it" in told
    assert machine.get(name, "/").status == 200
    (path / "tolv.toml").write_text(declared.replace("false", "true"))
    refused = machine.tolv("up", "--detach", str(path), ok=False)
    assert refused.code == 2
    assert "attach one that runs elsewhere with --url" in refused.err


def test_what_was_set_by_hand_can_be_swapped_too(machine: Machine, app: str) -> None:
    url: str = machine.tolv("config", "get", "DATABASE_URL", "-a", app, "-e", "dev").out.strip()
    machine.tolv("config", "set", f"DATABASE_URL={url}?application_name=by-hand", "-a", app)
    machine.tolv("swap", "database", "--version", "16", "-a", app)
    assert notes(machine, app, "/add/x")["notes"] == ["x"]
    users = {one["name"]: one["users"] for one in services(machine, "-a", app)}
    assert {name for name, used in users.items() if used} == {"database-2"}


def test_two_deploys_share_one_as_users_of_their_own(machine: Machine, app: str, name: str) -> None:
    other = f"{name}-o"
    notes(machine, app, "/add/shared")
    path = notes_app(machine, other)
    assert machine.tolv("deploy", str(path), "-e", "prod", ok=False).code == 1
    machine.tolv("share", "database", "-a", app, "-e", "dev", "--with", f"{other}/prod")
    machine.deploy(path)
    assert notes(machine, f"{other}-prod")["notes"] == ["shared"]
    assert notes(machine, f"{other}-prod", "/add/by-other")["user"] != notes(machine, app)["user"]
    assert notes(machine, app)["notes"] == ["by-other", "shared"]
    refused = machine.tolv("destroy", app, "--yes", "--with-data", ok=False)
    assert refused.code == 2
    assert f"tolv config unset DATABASE_URL -a {other} -e prod" in refused.err
    machine.tolv("down", "-a", app)
    assert notes(machine, f"{other}-prod")["notes"] == ["by-other", "shared"]
    machine.tolv("destroy", other, "--yes")


def test_data_outlives_the_app_until_it_is_destroyed_by_name(machine: Machine, name: str) -> None:
    path = notes_app(machine, name)
    up(machine, path)
    notes(machine, name, "/add/kept")
    pid = database(machine, name)["pid"]
    told = machine.tolv("destroy", name, "--yes").out
    assert "--with-data" in told
    assert not alive(pid)
    up(machine, path)
    assert notes(machine, name)["notes"] == ["kept"]
    machine.tolv("destroy", name, "--yes", "--with-data")
    assert services(machine, "-a", name) == []
    assert not list((machine.home / "services").glob(f"{name}-*"))
    up(machine, path)
    assert notes(machine, name)["notes"] == []
    machine.tolv("destroy", name, "--yes", "--with-data")


def test_detached_it_keeps_its_data_and_a_rollback_has_it_back(machine: Machine, app: str) -> None:
    notes(machine, app, "/add/kept")
    refused = machine.tolv("detach", "database", "-a", app, ok=False)
    assert refused.code == 1, "it is required"
    optional = {"tolv.toml": DECLARED + "required = false\n"}
    machine.commit(machine.projects / app, optional)
    up(machine, machine.projects / app)
    detached = machine.tolv("detach", "database", "-a", app, ok=False)
    assert "the release phase failed" in detached.err, "the app cannot do without, whatever it declares"


def test_a_taken_port_is_said_and_taken_back(machine: Machine, app: str) -> None:
    notes(machine, app, "/add/kept")
    row = database(machine, app)
    port = int(row["where"].rpartition(":")[2])
    machine.tolv("down", "-a", app)
    with socket.create_server(("127.0.0.1", port)):
        failed = machine.tolv("up", "--detach", str(machine.projects / app), ok=False)
        assert failed.code == 3
        assert f"port {port} is taken" in failed.err
    up(machine, machine.projects / app)
    assert notes(machine, app)["notes"] == ["kept"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--url", "postgres://nobody:secretword@127.0.0.1:{port}/{database}"), "password"),
        (("--url", "postgres://nobody:secretword@127.0.0.1:1/shop"), "127.0.0.1:1"),
        (("--url", "{url}", "--version", "15"), "16"),
        (("--url", "nonsense"), "URL"),
        (("--version", "9"), "9"),
    ],
)
def test_what_cannot_be_attached_is_refused_and_nothing_is_left(
    machine: Machine, app: str, name: str, words: tuple[str, ...], says: str
) -> None:
    url: str = machine.tolv("config", "get", "DATABASE_URL", "-a", app, "-e", "dev").out.strip()
    port, name_of_database = url.rpartition(":")[2].split("/")
    filled = [word.format(port=port, database=name_of_database, url=url) for word in words]
    before = services(machine)
    refused = machine.tolv(
        "attach", "archive", "--kind", "postgres", "-a", app, "--env", "ARCHIVE_URL", *filled, ok=False
    )
    assert refused.code in (2, 3)
    assert says in refused.err
    assert "secretword" not in refused.err + refused.out
    assert "remedy" in refused.err
    assert [one["name"] for one in services(machine)] == [one["name"] for one in before]
    assert len(machine.releases(app, "dev")) == 1


def test_a_backup_restored_is_a_new_service_that_can_be_swapped_in(machine: Machine, app: str, tmp_path: Path) -> None:
    notes(machine, app, "/add/one")
    file = tmp_path / "shop.backup"
    machine.tolv("services", "backup", "database", "-a", app, "-o", str(file))
    notes(machine, app, "/add/two")
    machine.tolv("services", "restore", "database", str(file), "-a", app)
    assert notes(machine, app)["notes"] == ["one", "two"]
    machine.tolv("swap", "database", "--to", "database-2", "-a", app)
    assert notes(machine, app)["notes"] == ["one"]
    used = machine.tolv("services", "destroy", "database-2", "--yes", "-a", app, ok=False)
    assert used.code == 2
    machine.tolv("services", "destroy", "database-3", "--yes", "-a", app, ok=False)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    cut = machine.tolv("services", "restore", "database", str(file), "-a", app, ok=False)
    assert cut.code == 2
    assert {one["name"] for one in services(machine, "-a", app)} == {"database", "database-2"}


def test_a_name_means_the_service_that_is_listed_by_it(machine: Machine, app: str, tmp_path: Path) -> None:
    notes(machine, app, "/add/first")
    machine.tolv("swap", "database", "--version", "18", "-a", app)
    notes(machine, app, "/add/second")
    for name in ("database", "database-2"):
        file = tmp_path / f"{name}.backup"
        done = machine.tolv("services", "backup", name, "-a", app, "-o", str(file), "--json").json
        assert done["resource"] == name
    told = machine.tolv("services", "destroy", "database", "--yes", "-a", app)
    assert "v1" in told.out, "the release that used it is named"
    assert [one["name"] for one in services(machine, "-a", app)] == ["database-2"]
    assert notes(machine, app)["notes"] == ["second"]


def test_what_a_deploy_will_use_is_not_destroyed_and_kinds_are_not_mixed_up(machine: Machine, app: str) -> None:
    machine.tolv("attach", "cache", "--kind", "redis", "-a", app, "-e", "dev")
    mixed = machine.tolv("swap", "cache", "--to", "database", "-a", app, ok=False)
    assert mixed.code == 2
    assert "database is postgres, and cache is redis" in mixed.err
    machine.tolv("down", "-a", app)
    refused = machine.tolv("services", "destroy", "database", "--yes", "-a", app, "-e", "dev", ok=False)
    assert refused.code == 2
    assert f"tolv config unset DATABASE_URL -a {app} -e dev" in refused.err
    bad = machine.tolv("attach", "other", "--kind", "redis", "--env", "PORT", "-a", app, ok=False)
    assert bad.code == 2
    machine.tolv("attach", "other", "--kind", "redis", "--env", "OTHER_URL", "-a", app)
    assert {one["name"] for one in services(machine, "-a", app)} == {"database", "cache", "other"}


OTHERS = """
[services.cache]
kind = "redis"
[services.files]
kind = "s3"
[services.mail]
kind = "smtp"
[services.mail.env]
MAIL_SERVER = "{host}"
MAIL_PORT = "{port}"
"""
MAILER = """
import os, smtplib
with smtplib.SMTP(os.environ["MAIL_SERVER"], int(os.environ["MAIL_PORT"])) as smtp:
    smtp.sendmail("shop@example.com", ["ada@example.com"], b"Subject: Your order\\r\\n\\r\\nIt is on its way.")
"""


def test_the_other_kinds_are_started_too_and_mail_is_caught(machine: Machine, name: str) -> None:
    path = machine.app(name, {"tolv.toml": OTHERS, "mailer.py": MAILER})
    up(machine, path)
    rows = {one["name"]: one for one in services(machine, "-a", name)}
    assert {key: (one["kind"], one["state"]) for key, one in rows.items()} == {
        "cache": ("redis", "ready"),
        "files": ("s3", "ready"),
        "mail": ("smtp", "ready"),
    }
    assert machine.tolv("services", "mail", "-a", name).out == "no mail yet\n"
    machine.tolv("run", "-a", name, "-e", "dev", "--", sys.executable, "mailer.py")
    (caught,) = machine.tolv("services", "mail", "-a", name, "--json").json
    assert (caught["subject"], caught["recipients"]) == ("Your order", ["ada@example.com"])
    assert "It is on its way." in machine.tolv("services", "mail", caught["id"], "-a", name).out
    assert machine.tolv("services", "logs", "cache", "-a", name).out
    machine.tolv("destroy", name, "--yes", "--with-data")


def test_an_app_that_declares_nothing_is_told_what_it_seems_to_need(machine: Machine, name: str) -> None:
    files = {"requirements.in": "", ".env.example": "REDIS_URL=redis://localhost\n", "package.json": PACKAGE}
    path = machine.app(name, files)
    proposed = machine.tolv("services", "propose", str(path)).out
    assert 'kind = "redis"' in proposed
    assert "package.json" in proposed
    assert machine.tolv("services", "propose", str(path), "--json").json[0]["service"]["kind"] == "redis"


PACKAGE = '{"name": "x", "dependencies": {"ioredis": "5"}}'


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
