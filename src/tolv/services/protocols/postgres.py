"""Asking a PostgreSQL: a connection and one query, both under one deadline."""

from __future__ import annotations

import select
import socket
import time
from typing import TYPE_CHECKING

from tolv.config.redact import MASK
from tolv.errors import UsageError
from tolv.services.ask import Reason, Unreachable
from tolv.services.model import Facts
from tolv.services.protocols.tcp import hangs, unreachable
from tolv.services.urls import ServiceUrl, masked

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult

_QUESTION = b"""
SELECT current_setting('server_version'), pg_database_size(current_database()),
       current_setting('transaction_read_only') = 'on' OR pg_is_in_recovery()
"""

#: Names of `ssl` parameters that other drivers have for `sslmode`.
_SSL = {"true": "require", "1": "require", "false": "disable", "0": "disable", "require": "require"}


def ask(url: ServiceUrl, timeout: float) -> Facts:
    """Version, size of the database, and whether it can be written. Raises `Unreachable`, `UsageError`."""
    if url.kind != "postgres":
        raise UsageError(
            f"{url.scheme}:// is not PostgreSQL", where=masked(str(url)), remedy="write it as postgresql://…"
        )
    deadline = time.monotonic() + timeout
    connection = _connect(url, deadline)
    try:
        return _facts(_answer(connection, url, deadline))
    finally:
        connection.finish()


def conninfo(url: ServiceUrl) -> dict[str, str]:
    """The URL as libpq's keywords. What only other drivers know is left out."""
    from psycopg import pq

    known = {one.keyword.decode() for one in pq.Conninfo.get_defaults()}
    parameters = url.parameters()
    values = {name: value for name, value in parameters.items() if name in known}
    if "sslmode" not in values and parameters.get("ssl") in _SSL:
        values["sslmode"] = _SSL[parameters["ssl"]]
    hosts = ((url.host, url.port), *url.others)
    if url.host:
        values["host"] = ",".join(host for host, _ in hosts)
        values["port"] = ",".join(str(port or 5432) for _, port in hosts)
    elif url.port is not None:
        values["port"] = str(url.port)
    named = {"user": url.user, "password": url.password, "dbname": url.database or None}
    values |= {name: value for name, value in named.items() if value is not None}
    return {"application_name": "tolv", **values}


def explain(text: str, url: ServiceUrl, state: str | None = None) -> Unreachable:
    """What a server's or libpq's message means; `state` is its SQLSTATE where that is known."""
    detail = " ".join(text.split())
    if url.password:
        detail = detail.replace(url.password, MASK)
    for reason, states, words, problem, remedy in _MEANINGS:
        if (state and state.startswith(states)) or (not state and any(one in detail for one in words)):
            return Unreachable(reason, f"{problem} ({detail})", where=masked(str(url)), remedy=remedy)
    refused = state is not None or "FATAL" in detail
    return Unreachable(
        "refused" if refused else "unreachable",
        f"the database {'refuses the connection' if refused else 'cannot be reached'} ({detail})",
        where=masked(str(url)),
        remedy="see the log of the PostgreSQL server" if refused else "make sure that URL and network are right",
    )


_Meaning = tuple[Reason, tuple[str, ...], tuple[str, ...], str, str]

#: libpq keeps the state of a refused connection to itself: only the text tells. In order: the first that fits.
_MEANINGS: tuple[_Meaning, ...] = (
    (
        "full",
        ("53100",),
        ("No space left on device", "could not extend file"),
        "the database has no space left",
        "free some space on the disk of the PostgreSQL server",
    ),
    (
        "password",
        (),
        ("pg_hba.conf rejects",),  # it goes on with "no encryption"
        "the database does not let this user in",
        "correct pg_hba.conf of the PostgreSQL server, or take another user",
    ),
    (
        "tls",
        (),
        ("certificate", "SSL ", "SSL:", "sslmode", "no encryption", "SSL off", "TLS"),
        "there is no TLS connection with the database",
        "correct sslmode and sslrootcert in the URL, or the server's certificate",
    ),
    (
        "password",
        ("28",),
        ("authentication failed", "no password supplied", "password", 'role "', "no pg_hba.conf entry"),
        "the database does not let this user in",
        "correct user and password in the URL",
    ),
    (
        "missing",
        ("3D000",),
        ('database "',),
        "the database of that name is not there",
        "correct the database in the URL, or make it with createdb",
    ),
    (
        "refused",
        ("57P03",),
        ("starting up", "shutting down", "recovery mode"),
        "the database is not ready yet",
        "wait until PostgreSQL has started; its log says how far it is",
    ),
    (
        "refused",
        ("53300",),
        ("too many connections", "too many clients", "remaining connection slots"),
        "the database has no connection left",
        "raise max_connections, or let the app hold fewer",
    ),
    (
        "protocol",
        (),
        ("received invalid response", "unsupported frontend protocol", "expected authentication request"),
        "what answers there is no PostgreSQL",
        "correct host and port in the URL",
    ),
)


def _connect(url: ServiceUrl, deadline: float) -> PGconn:
    from psycopg import pq
    from psycopg.conninfo import make_conninfo

    try:
        connection = pq.PGconn.connect_start(make_conninfo("", **conninfo(url)).encode())
    except Exception as error:  # psycopg.Error; imported late
        raise explain(str(error), url) from None
    try:
        if connection.status == pq.ConnStatus.BAD:
            raise _failed(connection, url)
        wanted = pq.PollingStatus.WRITING
        while wanted != pq.PollingStatus.OK:
            if wanted == pq.PollingStatus.FAILED:
                raise _failed(connection, url)
            _wait(connection, wanted == pq.PollingStatus.WRITING, deadline, url)
            wanted = pq.PollingStatus(connection.connect_poll())
        connection.nonblocking = 1
    except BaseException:
        connection.finish()
        raise
    return connection


def _failed(connection: PGconn, url: ServiceUrl) -> Unreachable:
    text = connection.get_error_message()
    lowered = text.lower()
    if "connection refused" in lowered:
        return unreachable(ConnectionRefusedError(111, "connection refused"), url)
    if "could not translate host name" in lowered:
        return unreachable(socket.gaierror(text), url)
    return explain(text, url)


def _answer(connection: PGconn, url: ServiceUrl, deadline: float) -> PGresult:
    from psycopg import pq

    connection.send_query(_QUESTION)
    found: PGresult | None = None
    while True:
        while connection.flush() == 1:
            _wait(connection, True, deadline, url)
        while connection.is_busy():
            _wait(connection, False, deadline, url)
            try:
                connection.consume_input()
            except Exception:  # the server went away in the middle
                raise explain(connection.get_error_message(), url) from None
        result = connection.get_result()
        if result is None:
            break
        found = result
    if found is None or found.status != pq.ExecStatus.TUPLES_OK:
        state = found.error_field(pq.DiagnosticField.SQLSTATE) if found else None
        text = found.get_error_message() if found else connection.get_error_message()
        raise explain(text, url, state.decode() if state else None)
    return found


def _facts(found: PGresult) -> Facts:
    version, size, read_only = (found.get_value(0, column) or b"" for column in range(3))
    return Facts(version.decode().split()[0], int(size), read_only == b"t")


def _wait(connection: PGconn, writing: bool, deadline: float, url: ServiceUrl) -> None:
    poll = select.poll()
    poll.register(connection.socket, select.POLLOUT if writing else select.POLLIN)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise hangs(url)
