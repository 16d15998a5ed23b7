"""Who may do what in a PostgreSQL instance: one database, its owner, and a user for each deploy.

The database belongs to a role that nobody logs in as. Each deploy's user is a member of it and acts as it in this
database from the start, so that what one of them makes belongs to all. Nobody but them may connect to it, and they to
no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tolv.errors import PlatformError
from tolv.services.model import Instance
from tolv.services.protocols.postgres import explain
from tolv.services.providers.postgres_data import ADMINISTRATOR
from tolv.services.urls import ServiceUrl

if TYPE_CHECKING:
    from psycopg import Connection

#: Owns the database and all that is in it.
OWNER = "tolv_owner"

_RESERVED = frozenset({ADMINISTRATOR, OWNER, "postgres", "template0", "template1", "public", "none", "user"})
#: Bytes of a name that PostgreSQL keeps.
_LONGEST = 63
#: Seconds that a statement may take.
_DEADLINE = 60.0
#: Of the advisory lock that whoever changes roles holds.
_LOCK = 0x746F6C76


def grant(instance: Instance, tenant: str, password: str) -> tuple[str, str]:
    """Let a deploy in; its user and database. Raises `PlatformError`."""
    from psycopg import sql

    user = user_of(tenant)
    with administer(instance) as connection:
        _execute(connection, "SELECT pg_advisory_lock(%s)", _LOCK)
        database = _database(connection)
        if database is None:
            database = user
            _make_database(instance, connection, database)
        if not _exists(connection, user):
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(user)))
        names = {"user": sql.Identifier(user), "owner": sql.Identifier(OWNER), "database": sql.Identifier(database)}
        verifier = connection.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()
        with connection.transaction():
            for statement in (
                "GRANT {owner} TO {user}",
                "ALTER ROLE {user} IN DATABASE {database} SET role = {owner}",
                "ALTER ROLE {user} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS LOGIN INHERIT",
            ):
                connection.execute(sql.SQL(statement).format(**names))
            # What is sent is the verifier: no log and no view of activity can hold the password.
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), sql.Literal(verifier)))
    return user, database


def revoke(instance: Instance, tenant: str) -> None:
    """Take a deploy's user away, and end its sessions. Raises `PlatformError`."""
    from psycopg import sql

    user = user_of(tenant)
    with administer(instance) as connection:
        _execute(connection, "SELECT pg_advisory_lock(%s)", _LOCK)
        if not _exists(connection, user):
            return
        connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(user)))
        _execute(connection, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", user)
        database = _database(connection)
        if database is not None:
            with administer(instance, database) as inside:
                for statement in ("REASSIGN OWNED BY {} TO {}", "DROP OWNED BY {}"):
                    inside.execute(sql.SQL(statement).format(sql.Identifier(user), sql.Identifier(OWNER)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(user)))


def database_of(instance: Instance, timeout: float = _DEADLINE) -> str | None:
    """The deploys' database; None: there is none yet. Raises `Unreachable`, among others."""
    with administer(instance, timeout=timeout) as connection:
        return _database(connection)


def user_of(tenant: str) -> str:
    """The name of a deploy's user: the tenant's, unless PostgreSQL would cut it short or keeps it for itself."""
    if len(tenant) <= _LONGEST and tenant not in _RESERVED and not tenant.startswith("pg_"):
        return tenant
    return f"t_{tenant[:40]}_{hashlib.sha256(tenant.encode()).hexdigest()[:12]}"


@contextmanager
def administer(
    instance: Instance, database: str = "postgres", timeout: float = _DEADLINE
) -> Iterator[Connection[tuple[Any, ...]]]:
    """A connection as the administrator, each statement a transaction. What fails is raised as `Unreachable`."""
    import psycopg

    url = ServiceUrl("postgresql", ADMINISTRATOR, None, "127.0.0.1", instance.port, database)
    try:
        with psycopg.connect(
            host="127.0.0.1",
            port=instance.port,
            user=ADMINISTRATOR,
            password=instance.password,
            dbname=database,
            application_name="tolv",
            sslmode="disable",
            gssencmode="disable",
            connect_timeout=max(2, round(timeout)),
            options=f"-c statement_timeout={round(timeout * 1000)}",
            autocommit=True,
        ) as connection:
            yield connection
    except psycopg.Error as error:
        raise _failed(error, url) from None


def _failed(error: Exception, url: ServiceUrl) -> PlatformError:
    import psycopg

    if isinstance(error, psycopg.errors.ConnectionTimeout):
        from tolv.services.protocols.tcp import hangs

        return hangs(url)
    return explain(str(error), url, getattr(error, "sqlstate", None))


def _database(connection: Connection[tuple[Any, ...]]) -> str | None:
    found = _execute(
        connection,
        "SELECT datname FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba WHERE rolname = %s ORDER BY 1",
        OWNER,
    ).fetchone()
    return str(found[0]) if found else None


def _make_database(instance: Instance, connection: Connection[tuple[Any, ...]], database: str) -> None:
    """Each step may be the last before a crash: the database belongs to its owner only when it is ready."""
    from psycopg import sql

    names = {"owner": sql.Identifier(OWNER), "database": sql.Identifier(database)}

    def run(statement: str) -> None:
        connection.execute(sql.SQL(statement).format(**names))

    if not _exists(connection, OWNER):
        run("CREATE ROLE {owner} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE")
    run("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
    run("DROP DATABASE IF EXISTS {database}")
    run("CREATE DATABASE {database} TEMPLATE template0")
    run("REVOKE ALL ON DATABASE {database} FROM PUBLIC")
    if connection.info.server_version < 150000:  # later it belongs to whoever owns the database
        with administer(instance, database) as inside:
            inside.execute(sql.SQL("ALTER SCHEMA public OWNER TO {owner}").format(**names))
    run("ALTER DATABASE {database} OWNER TO {owner}")


def _execute(connection: Connection[tuple[Any, ...]], statement: str, *values: object) -> Any:
    return connection.execute(statement, values)


def _exists(connection: Connection[tuple[Any, ...]], role: str) -> bool:
    return _execute(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", role).fetchone() is not None
