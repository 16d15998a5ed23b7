"""Backups of PostgreSQL: `pg_dump` of the database and the rows of each table, both of one moment."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tolv.errors import PlatformError, UsageError
from tolv.services.backup import Manifest, amount, reading, write, writing
from tolv.services.model import Instance
from tolv.services.provider import Tell
from tolv.services.providers.disk import is_full
from tolv.services.providers.postgres_data import ADMINISTRATOR
from tolv.services.providers.postgres_roles import OWNER, administer, database_of

if TYPE_CHECKING:
    from psycopg import Connection

#: Seconds that the server may take to count, save or load the rows of one table.
_DEADLINE = 6 * 3600.0
_CHUNK = 1 << 20

_TABLES = """
SELECT quote_ident(nspname) || '.' || quote_ident(relname)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'm') AND relpersistence = 'p' AND nspname !~ '^pg_' AND nspname <> 'information_schema'
  AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid
                  AND refclassid = 'pg_extension'::regclass AND deptype = 'e')
ORDER BY 1
"""


def backup(instance: Instance, target: Path, tell: Tell) -> None:
    """Save the database. Raises `PlatformError`; nothing is left at `target` then."""
    with is_full(instance):
        database = _database(instance)
        with administer(instance, database, _DEADLINE) as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            snapshot = _one(connection, "SELECT pg_export_snapshot()")
            version = str(_one(connection, "SHOW server_version")).split()[0]
            tell(f"saving {database} ({amount(_one(connection, 'SELECT pg_database_size(current_database())'))})")
            arguments = ("--format=custom", f"--snapshot={snapshot}", "--no-password", f"--dbname={database}")
            with writing(target) as file, _program(instance, "pg_dump", *arguments) as (process, complaints):
                assert process.stdout is not None

                def finish() -> dict[str, Any]:
                    _check(process, complaints, "the database cannot be saved", instance)
                    return _contents(connection)

                size = write(file, "postgres", version, process.stdout, tell, finish)
        tell(f"saved {amount(size)}")


def restore(instance: Instance, source: Path, tell: Tell) -> None:
    """Load a backup into the empty database, in one transaction, and compare.

    Raises `UsageError` for what is no whole backup, or data that is there already; `PlatformError`.
    """
    with is_full(instance), reading(source, "postgres", tell) as (manifest, data):
        database = _database(instance)
        with administer(instance, database, _DEADLINE) as connection:
            if connection.execute(_TABLES).fetchone() is not None:
                raise UsageError(
                    f"there are tables in {database} already",
                    where=str(instance.directory),
                    remedy="restore into a new resource, and swap to it",
                )
            tell(f"loading {amount(manifest.size)} of PostgreSQL {manifest.version}")
            _load(instance, database, data, manifest.size, tell)
            _compare(connection, manifest, instance)
            connection.execute("ANALYZE")
        rows = sum(manifest.contents["rows"].values())
        tell(f"restored {len(manifest.contents['rows'])} tables with {rows} rows, all of them compared")


def _load(instance: Instance, database: str, data: IO[bytes], size: int, tell: Tell) -> None:
    arguments = (
        *("--no-owner", "--no-privileges", f"--role={OWNER}", "--exit-on-error", "--single-transaction"),
        *("--no-password", f"--dbname={database}"),
    )
    with _program(instance, "pg_restore", *arguments, feed=True) as (process, complaints):
        assert process.stdin is not None
        done = 0
        # It ends early when it fails, and says why.
        with suppress(BrokenPipeError):
            while chunk := data.read(_CHUNK):
                process.stdin.write(chunk)
                done += len(chunk)
                if done % (64 * _CHUNK) == 0:
                    tell(f"loaded {amount(done)} of {amount(size)}")
            process.stdin.close()
        _check(process, complaints, "the backup cannot be restored", instance)


def _compare(connection: Connection[tuple[Any, ...]], manifest: Manifest, instance: Instance) -> None:
    found, wanted = _contents(connection), manifest.contents
    for table, rows in wanted["rows"].items():
        if found["rows"].get(table) != rows:
            raise PlatformError(
                f"{table} had {rows} rows and has {found['rows'].get(table, 'none, as it is not there')}",
                where=str(instance.directory),
                remedy="restore into a new resource; keep the backup",
            )
    for name in ("sequences", "large_objects"):
        if found[name] != wanted[name]:
            raise PlatformError(
                f"not all {name.replace('_', ' ')} are as they were",
                where=str(instance.directory),
                remedy="restore into a new resource; keep the backup",
            )


def _contents(connection: Connection[tuple[Any, ...]]) -> dict[str, Any]:
    """The number of rows of each table, of sequences and large objects."""
    tables = [str(name) for (name,) in connection.execute(_TABLES).fetchall()]
    return {
        "rows": {name: _one(connection, f"SELECT count(*) FROM ONLY {name}") for name in tables},
        "sequences": _one(connection, "SELECT count(*) FROM pg_sequences"),
        "large_objects": _one(connection, "SELECT count(*) FROM pg_largeobject_metadata"),
    }


def _one(connection: Connection[tuple[Any, ...]], query: str) -> Any:
    found = connection.execute(query.encode()).fetchone()
    assert found is not None
    return found[0]


def _database(instance: Instance) -> str:
    database = database_of(instance)
    if database is None:
        raise PlatformError(
            "there is no database yet", where=str(instance.directory), remedy="attach the resource to a deploy first"
        )
    return database


@contextmanager
def _program(
    instance: Instance, name: str, *arguments: str, feed: bool = False
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """One of PostgreSQL's own programs at work, and the file that holds its complaints; it is gone at the end."""
    program = instance.binaries.directory / name
    reachable = all(one.stat().st_mode & 0o001 for one in program.parents)
    user = instance.user if os.geteuid() == 0 and reachable else None
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [
                *(str(program), *arguments),
                *("--host=127.0.0.1", f"--port={instance.port}", f"--username={ADMINISTRATOR}"),
            ],
            env={
                "PATH": os.defpath,
                "LC_ALL": "C",
                "HOME": "/",
                "PGPASSWORD": instance.password,
                "PGSSLMODE": "disable",
                "PGGSSENCMODE": "disable",
                "PGAPPNAME": "tolv",
                "PGCONNECT_TIMEOUT": "30",
            },
            cwd="/",
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if feed else subprocess.PIPE,
            stderr=complaints,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
        try:
            yield process, complaints
        finally:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
            process.wait()


def _check(process: subprocess.Popen[bytes], complaints: IO[bytes], problem: str, instance: Instance) -> None:
    if process.wait() == 0:
        return
    complaints.seek(0)
    detail = " ".join(complaints.read().decode(errors="replace").split())[-700:]
    raise PlatformError(f"{problem}: {detail}", where=str(instance.directory), remedy="see the service's log")
