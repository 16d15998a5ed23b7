"""The backing service: PostgreSQL at DATABASE_URL."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import BoundedSemaphore, Timer
from time import monotonic
from typing import Any

import psycopg

from config import DATABASE_URL

Connection = psycopg.Connection[tuple[Any, ...]]

#: Seconds within which a transaction of the web must be over, its connection included.
PATIENCE = 2.6
#: How many connections a process has at most.
_slots = BoundedSemaphore(16)


def connect() -> Connection:
    """A connection that is not waited for longer than 2 s. Raises `psycopg.OperationalError`."""
    return psycopg.connect(
        DATABASE_URL,
        connect_timeout=2,
        options="-c statement_timeout=2s -c idle_in_transaction_session_timeout=10s",
        prepare_threshold=None,
    )


@contextmanager
def deadline(connection: Connection, seconds: float) -> Iterator[None]:
    """Cut the connection after so many seconds: then no answer at all is a `psycopg.OperationalError`."""
    line = socket.socket(fileno=os.dup(connection.fileno()))
    cut = Timer(seconds, _cut, (line,))
    cut.daemon = True
    cut.start()
    try:
        yield
    finally:
        cut.cancel()
        line.close()


@contextmanager
def transaction(patience: float = PATIENCE) -> Iterator[Connection]:
    """A transaction on a connection of its own: committed at the end, rolled back by an error.

    Raises `psycopg.OperationalError` if the database is away, or has not answered in `patience` seconds.
    """
    until = monotonic() + patience
    if not _slots.acquire(timeout=patience):
        raise psycopg.OperationalError("all connections are in use")
    try:
        connection = connect()
        with deadline(connection, max(0.3, until - monotonic())), connection:
            yield connection
    finally:
        _slots.release()


def _cut(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
