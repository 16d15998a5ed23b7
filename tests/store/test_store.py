"""What a store promises of reads and writes, on each database."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, text

from tolv.errors import PlatformError
from tolv.store.store import Store


def put(connection: Connection, key: str, value: str) -> None:
    connection.execute(text("DELETE FROM meta WHERE key = :key"), {"key": key})
    connection.execute(text("INSERT INTO meta VALUES (:key, :value)"), {"key": key, "value": value})


def peek(connection: Connection, key: str) -> str | None:
    return connection.execute(text("SELECT value FROM meta WHERE key = :key"), {"key": key}).scalar_one_or_none()


def test_what_was_written_is_seen_by_another_store(store: Store, store_url: str) -> None:
    with store.write() as connection:
        put(connection, "colour", "green")
    other = Store(store_url)
    with other.read() as connection:
        assert peek(connection, "colour") == "green"
    other.close()


def test_an_exception_undoes_the_whole_write(store: Store) -> None:
    def write_and_fail() -> None:
        with store.write() as connection:
            put(connection, "colour", "green")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    with store.read() as connection:
        assert peek(connection, "colour") is None


def test_no_write_of_many_threads_and_stores_is_lost(store: Store, store_url: str) -> None:
    other = Store(store_url)

    def add_one(turn: int) -> None:
        with (store, other)[turn % 2].write() as connection:
            put(connection, "count", str(int(peek(connection, "count") or 0) + 1))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add_one, range(80)))
    with store.read() as connection:
        assert peek(connection, "count") == "80"
    other.close()


def test_a_read_sees_one_moment_while_others_write(store: Store) -> None:
    with store.write() as connection:
        put(connection, "colour", "green")
    with store.read() as reading:
        assert peek(reading, "colour") == "green"
        with store.write() as writing:
            put(writing, "colour", "red")
        assert peek(reading, "colour") == "green"


def test_a_read_does_not_wait_for_an_open_write(store: Store) -> None:
    with store.write() as writing:
        put(writing, "colour", "green")
        with store.read() as reading:
            assert peek(reading, "colour") is None


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)  # SQLite has no read-only transactions
def test_a_read_cannot_write(store: Store) -> None:
    with pytest.raises(PlatformError, match="read-only"), store.read() as connection:
        put(connection, "colour", "green")


def test_a_store_that_another_process_holds_is_an_error_with_a_remedy(store: Store, store_url: str) -> None:
    hurried = Store(store_url, deadline=0.2)
    with store.write(), pytest.raises(PlatformError, match="locked by another process") as caught, hurried.write():
        pass
    assert caught.value.remedy
    assert caught.value.where
    with hurried.write() as connection:
        put(connection, "colour", "green")
    hurried.close()


def test_a_thread_that_never_gets_its_turn_is_told_so(store_url: str) -> None:
    store = Store(store_url, deadline=0.2)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with store.write():
            entered.set()
            leave.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(30)
    with pytest.raises(PlatformError, match="another write took longer"), store.write():
        pass
    leave.set()
    holder.join(30)
    with store.write() as connection:
        put(connection, "colour", "green")
    store.close()


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "mysql://user:hunter2@host/db", "sqlite://", "sqlite:///:memory:", "postgresql://host:port/x"],
)
def test_a_url_that_names_no_usable_database_is_refused(url: str) -> None:
    with pytest.raises(PlatformError) as caught:
        Store(url)
    assert "TOLV_STORE_URL" in (caught.value.remedy or "")
    assert "hunter2" not in str(caught.value)
