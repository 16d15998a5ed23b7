"""A database for each trial, in one PostgreSQL server: a clone of one that the release phase has prepared.

To clone takes some 50 ms; to migrate anew would take as long as the app needs for it.
"""

from __future__ import annotations

from tolv.services.model import Instance
from tolv.services.providers.postgres_roles import OWNER, administer
from tolv.services.urls import build

#: The database that has nothing in it.
EMPTY = "template0"


def clone(instance: Instance, template: str, name: str, password: str) -> str:
    """Make the database `name` from `template`, and a role of that name that may use it alone; its URL.

    Raises `PlatformError`. Nobody may be connected to the template.
    """
    from psycopg import sql

    names = {
        "name": sql.Identifier(name),
        "template": sql.Identifier(template),
        "owner": sql.Identifier(OWNER),
        "password": sql.Literal(password),
    }
    with administer(instance) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [template])
        for statement in (
            "CREATE DATABASE {name} TEMPLATE {template} OWNER {owner}",
            "REVOKE ALL ON DATABASE {name} FROM PUBLIC",
            "CREATE ROLE {name} LOGIN PASSWORD {password} IN ROLE {owner}",
            "ALTER ROLE {name} IN DATABASE {name} SET role = {owner}",
        ):
            connection.execute(sql.SQL(statement).format(**names))
    return build("postgres", "127.0.0.1", instance.port, user=name, password=password, database=name)


def change_password(instance: Instance, name: str, password: str) -> None:
    """Give a role another password, and end its sessions. Raises `PlatformError`."""
    from psycopg import sql

    with administer(instance) as connection:
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Literal(password)))
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [name])


def drop(instance: Instance, name: str) -> None:
    """Remove a database and its role. Raises `PlatformError`."""
    from psycopg import sql

    with administer(instance) as connection:
        for statement in ("DROP DATABASE IF EXISTS {} WITH (FORCE)", "DROP ROLE IF EXISTS {}"):
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
