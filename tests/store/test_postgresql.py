"""PostgreSQL that goes away, and comes back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import text
from store_fixtures import postgresql_server

from tolv.errors import PlatformError
from tolv.store.store import Store


def test_a_database_that_is_away_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="away") as caught:
        Store(f"postgresql://ada:hunter2@/tolv?host={tmp_path}").migrate()
    assert caught.value.remedy
    assert "hunter2" not in str(caught.value)


def test_a_database_that_does_not_exist_is_an_error_with_a_remedy() -> None:
    with pytest.raises(PlatformError, match=r"refuses the connection.*does not exist") as caught:
        Store(postgresql_server().url("nowhere")).migrate()
    assert "createdb" in (caught.value.remedy or "")


def test_a_url_as_heroku_writes_it_is_understood() -> None:
    url = postgresql_server().database(template="tolv_template").replace("postgresql://", "postgres://")
    store = Store(url)
    store.migrate()
    store.close()


def test_a_connection_that_was_cut_is_an_error_and_the_next_one_works() -> None:
    server = postgresql_server()
    store = Store(server.database(template="tolv_template"))

    def write_and_be_cut() -> None:
        with store.write() as connection:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            server.execute(f"SELECT pg_terminate_backend({pid})")
            connection.execute(text("INSERT INTO meta VALUES ('lost', 'yes')"))

    with pytest.raises(PlatformError, match=r"away|goes down"):
        write_and_be_cut()
    with store.write() as connection:
        connection.execute(text("INSERT INTO meta VALUES ('kept', 'yes')"))
    with store.read() as connection:
        assert connection.execute(text("SELECT key FROM meta")).scalars().all() == ["kept"]
    store.close()


def test_an_idle_connection_that_was_cut_goes_unnoticed() -> None:
    server = postgresql_server()
    store = Store(server.database(template="tolv_template"))
    with store.read() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    server.execute(f"SELECT pg_terminate_backend({pid}, 10000)")
    with store.read() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != pid
    store.close()


def test_the_server_of_the_tests_does_not_run_as_root() -> None:
    server = postgresql_server()
    store = Store(server.url("postgres"))
    with store.read() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    assert os.stat(f"/proc/{pid}").st_uid != 0
    store.close()
