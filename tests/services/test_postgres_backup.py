"""A backup of PostgreSQL is one file, is restored whole or not at all, and no change of it goes unseen."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from services.servers import Server
from services.test_postgres import rows

from tolv.errors import PlatformError, UsageError

Make = Callable[[], Server]


def filled(server: Server) -> str:
    """The URL of a database with a little of everything."""
    url = server.provider.grant(server.instance, "shop_prod", "secret1")
    rows(
        url,
        """
        CREATE EXTENSION pg_trgm;
        CREATE TABLE orders (id serial PRIMARY KEY, note text NOT NULL);
        INSERT INTO orders (note) SELECT 'order ' || n || ' ä€' FROM generate_series(1, 100000) n;
        CREATE INDEX ON orders USING gin (note gin_trgm_ops);
        CREATE SCHEMA "Own one";
        CREATE TABLE "Own one"."T t" (id int REFERENCES orders, data bytea);
        INSERT INTO "Own one"."T t" SELECT 7, decode('00ff', 'hex');
        CREATE TABLE parts (day date) PARTITION BY RANGE (day);
        CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2030-01-01');
        INSERT INTO parts VALUES ('2025-05-05');
        CREATE MATERIALIZED VIEW first AS SELECT * FROM orders WHERE id < 10;
        CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 2 * n; END';
        SELECT lo_from_bytea(4711, 'a large object');
        """,
    )
    return url


SEEN = """
SELECT (SELECT md5(string_agg(id || note, ',' ORDER BY id)) FROM orders), (SELECT last_value FROM orders_id_seq),
       (SELECT data FROM "Own one"."T t"), (SELECT count(*) FROM parts), (SELECT count(*) FROM first), twice(4),
       lo_get(4711)
"""


def test_a_backup_is_restored_into_a_new_one_with_all_that_it_had(make_postgres: Make, tmp_path: Path) -> None:
    server, other = make_postgres(), make_postgres()
    url = filled(server)
    saved = tmp_path / "shop.backup"
    told: list[str] = []
    server.provider.backup(server.instance, saved, told.append)
    assert saved.stat().st_mode & 0o777 == 0o600
    assert told[-1].startswith("saved ")
    with tarfile.open(saved) as archive:
        assert archive.getnames() == ["manifest.json", "data", "contents.json"]
    new = other.provider.grant(other.instance, "shop_prod", "secret2")
    other.provider.restore(other.instance, saved, told.append)
    assert told[-1] == "restored 4 tables with 100011 rows, all of them compared"
    assert rows(new, SEEN) == rows(url, SEEN)
    rows(new, "INSERT INTO orders (note) VALUES ('one more'); ALTER TABLE orders ADD COLUMN colour text")
    with pytest.raises(UsageError, match="there are tables in shop_prod already"):
        other.provider.restore(other.instance, saved, told.append)


def test_a_backup_is_of_one_moment_while_rows_come_in(make_postgres: Make, tmp_path: Path) -> None:
    server, other = make_postgres(), make_postgres()
    url = filled(server)
    other.provider.grant(other.instance, "shop_prod", "secret2")
    with psycopg.connect(url, autocommit=True) as writer:

        def write_more(line: str) -> None:
            writer.execute("INSERT INTO orders (note) VALUES ('in the middle')")

        server.provider.backup(server.instance, tmp_path / "saved", write_more)
    other.provider.restore(other.instance, tmp_path / "saved", lambda line: None)


@pytest.mark.parametrize("harm", ["cut", "cut a lot", "bit", "contents", "other", "empty"])
def test_a_file_that_is_not_whole_is_refused_and_nothing_is_touched(
    make_postgres: Make, tmp_path: Path, harm: str
) -> None:
    server = make_postgres()
    url = server.provider.grant(server.instance, "shop_prod", "secret1")
    rows(url, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS n")
    saved = tmp_path / "saved"
    server.provider.backup(server.instance, saved, lambda line: None)
    rows(url, "DROP TABLE t")
    content = bytearray(saved.read_bytes())
    if harm == "bit":
        content[len(content) // 2] ^= 1
    elif harm == "contents":
        content[content.rindex(b"1000")] ^= 1
    changed = {
        "cut": content[:-3000],
        "cut a lot": content[:5000],
        "other": b"-- PostgreSQL database dump\n" * 1000,
        "empty": b"",
    }.get(harm, content)
    saved.write_bytes(changed)
    with pytest.raises(UsageError, match="this backup cannot be used"):
        server.provider.restore(server.instance, saved, lambda line: None)
    assert rows(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def test_a_backup_of_another_kind_is_refused(make_postgres: Make, tmp_path: Path) -> None:
    server = make_postgres()
    server.provider.grant(server.instance, "shop_prod", "secret1")
    saved = tmp_path / "saved"
    server.provider.backup(server.instance, saved, lambda line: None)
    saved.write_bytes(saved.read_bytes().replace(b'"kind": "postgres"', b'"kind": "keepsake"'))
    with pytest.raises(UsageError, match="the backup is of keepsake, not of postgres"):
        server.provider.restore(server.instance, saved, lambda line: None)
    with pytest.raises(UsageError, match="there is no such backup"):
        server.provider.restore(server.instance, tmp_path / "missing", lambda line: None)


def test_a_backup_that_fails_leaves_nothing(postgres: Server, tmp_path: Path) -> None:
    filled(postgres)
    target = tmp_path / "kept"
    target.write_bytes(b"the backup of yesterday")
    told: list[str] = []

    def kill_once(line: str) -> None:
        if not told:
            postgres.kill()
        told.append(line)

    with pytest.raises(PlatformError):
        postgres.provider.backup(postgres.instance, target, kill_once)
    assert os.listdir(tmp_path) == ["kept"]
    assert target.read_bytes() == b"the backup of yesterday"
