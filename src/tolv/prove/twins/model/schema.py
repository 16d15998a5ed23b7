"""The release phase: brings the database to the schema of this release. `--check` only says whether it is there.

Releases run side by side for a while, and an older one may come back: a migration adds, and takes nothing away.
"""

import sys

import psycopg

from database import transaction
from telemetry import log

MIGRATIONS = (
    """
    CREATE TABLE notes (id bigserial PRIMARY KEY, text text NOT NULL);
    CREATE TABLE accounts (name text PRIMARY KEY, salt bytea NOT NULL, hash bytea NOT NULL);
    CREATE TABLE files (name text PRIMARY KEY, content bytea NOT NULL);
    CREATE TABLE jobs (id bigserial PRIMARY KEY, n text NOT NULL, done boolean NOT NULL DEFAULT false);
    CREATE TABLE effects (job bigint NOT NULL REFERENCES jobs, at timestamptz NOT NULL DEFAULT now());
    CREATE INDEX jobs_waiting ON jobs (id) WHERE NOT done;
    """,
    "CREATE INDEX effects_of_job ON effects (job);",
)
VERSION = len(MIGRATIONS)


def migrate() -> None:
    """Make the migrations that the database lacks, in one transaction. Who comes second waits, and finds none to do."""
    with transaction(patience=30) as database:
        database.execute("SET LOCAL statement_timeout = '30s'")
        database.execute("SELECT pg_advisory_xact_lock(hashtext('schema of notes'))")
        database.execute("CREATE TABLE IF NOT EXISTS schema_versions (version int PRIMARY KEY)")
        row = database.execute("SELECT coalesce(max(version), 0) FROM schema_versions").fetchone()
        there: int = row[0] if row else 0
        for number, migration in enumerate(MIGRATIONS, 1):
            if number > there:
                database.execute(migration)
                database.execute("INSERT INTO schema_versions VALUES (%s)", (number,))
    log("info", "schema is up to date", version=max(there, VERSION), migrations=max(0, VERSION - there))


def current() -> bool:
    """Whether the database has all that this release needs. Raises `psycopg.OperationalError` if it is away."""
    try:
        with transaction() as database:
            row = database.execute("SELECT max(version) FROM schema_versions").fetchone()
    except psycopg.errors.UndefinedTable:
        return False
    return row is not None and row[0] is not None and row[0] >= VERSION


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print("usage: schema.py [--check]", file=sys.stderr)
        return 2
    try:
        if not arguments:
            migrate()
        elif not current():
            log("error", "schema is not up to date", needed=VERSION)
            return 1
    except psycopg.OperationalError as error:
        log("error", "database is away", reason=str(error).partition("\n")[0])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
