"""What a connection text says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.check.facts.connection import read_connection
from tolv.check.facts.runtime_versions import ranges_of


@pytest.mark.parametrize(
    ("text", "engine", "host"),
    [
        ("postgres://u:p@db.acme.net:5432/shop", "postgres", "db.acme.net"),
        ("postgresql+asyncpg://{}:{}@{}/shop", "postgres", "{}"),
        ("jdbc:postgresql://localhost/music", "postgres", "localhost"),
        ("jdbc:sqlserver://db:1433;databaseName=shop", "mssql", "db"),
        ("jdbc:oracle:thin:@//db:1521/x", "oracle", "db"),
        ("host=db dbname=shop user=shop", "postgres", "db"),
        ("mysql:host=db;dbname=shop", "mysql", "db"),
        ("shop:x@tcp(db:3306)/shop", "mysql", "db"),
        ("mongodb+srv://u:p@cluster.mongodb.net/x", "mongodb", "cluster.mongodb.net"),
        ("redis://[::1]:6379", "redis", "[::1]"),
        ("amqp://guest@localhost//", "rabbitmq", "localhost"),
    ],
)
def test_a_connection_text_names_its_engine_and_its_host(text: str, engine: str, host: str) -> None:
    connection = read_connection(text)
    assert connection is not None
    assert (connection.engine, connection.host) == (engine, host)


@pytest.mark.parametrize("text", ["https://acme.net", "postgres", "a: b", "", "see host and server", "s3://bucket"])
def test_other_texts_are_no_connection(text: str) -> None:
    assert read_connection(text) is None


@pytest.mark.parametrize("text", ["sqlite://", "sqlite:///:memory:", "jdbc:h2:mem:shop", "sqlite::memory:"])
def test_a_database_in_memory_is_no_file(text: str) -> None:
    connection = read_connection(text)
    assert connection is not None
    assert connection.memory
    assert connection.file is None


@pytest.mark.parametrize("host", ["{}", "db.example.com", "your-host", "<host>", "${DB_HOST}", "hostname"])
def test_a_host_that_is_still_to_be_named_is_not_fixed(host: str) -> None:
    connection = read_connection(f"postgres://{host}/shop")
    assert connection is not None
    assert not connection.fixed


def test_only_a_literal_password_counts_as_one() -> None:
    literal, hole = read_connection("redis://:secret@cache"), read_connection("redis://:{}@cache")
    assert literal is not None
    assert hole is not None
    assert (literal.password, hole.password) == (True, False)


@given(st.text())
def test_any_text_can_be_asked(text: str) -> None:
    read_connection(text)
    read_connection(f"postgres://{text}")
    read_connection(f"jdbc:{text}")
    ranges_of(text, "python")
