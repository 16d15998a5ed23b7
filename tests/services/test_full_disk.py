"""A server whose disk is full says so, loses nothing that it promised, and goes on when there is space again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import redis as client
from e2e.disk import AS_ROOT, fill, small_disk
from ports import free_port
from services.servers import USER, Server, eventually, own

from tolv.errors import PlatformError
from tolv.services.ask import Unreachable, ask
from tolv.services.model import Binaries, Instance
from tolv.services.provider import Provider
from tolv.services.providers.postgres import PostgresProvider
from tolv.services.providers.redis import RedisProvider

pytestmark = AS_ROOT

#: A row of 64 kB that cannot be compressed.
MORE = "INSERT INTO orders SELECT string_agg(md5(n || random()::text), '') FROM generate_series(1, 2000) n"


@pytest.fixture
def small(reachable: Path) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="disk-", dir=reachable))
    directory.chmod(0o755)
    with small_disk(directory / "disk", "size=120m,mode=755"):
        yield directory / "disk"
    shutil.rmtree(directory, ignore_errors=True)


def on_disk(disk: Path, provider: Provider, binaries: Binaries) -> Server:
    instance = Instance("full", own(disk / "full", USER), free_port(), USER, "admin0Password1", binaries)
    provider.prepare(instance)
    server = Server(provider, instance)
    server.log = disk.parent / "log"
    return server


def test_postgresql_goes_on_with_all_that_was_committed(small: Path, postgres_template: Instance) -> None:
    server = on_disk(small, PostgresProvider(), postgres_template.binaries)
    try:
        server.start()
        url = server.provider.grant(server.instance, "shop_prod", "secret1")
        committed = 0
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE orders (note text)")
            fill(small, left=1 << 20)
            with pytest.raises(psycopg.Error):
                for _ in range(1000):
                    connection.execute(MORE)
                    committed += 1
        assert server.process is not None
        if server.process.poll() is not None:
            with pytest.raises(Unreachable) as refused:
                server.provider.ask(server.instance, 5)
            assert refused.value.reason == "full"
        (small / "ballast").unlink()
        if server.process.poll() is not None:
            server.start(ready=False)
        eventually(lambda: ask("postgres", url, 5))
        with psycopg.connect(url, autocommit=True) as connection:
            row = connection.execute("SELECT count(*) FROM orders").fetchone()
            assert row is not None
            assert row[0] in (committed, committed + 1)
            connection.execute("INSERT INTO orders VALUES ('goes on')")
    finally:
        server.kill()


def test_a_database_that_cannot_be_made_says_that_the_disk_is_full(small: Path, postgres_template: Instance) -> None:
    fill(small, left=10 << 20)
    instance = replace(postgres_template, id="none", directory=own(small / "none", USER))
    provider = PostgresProvider()
    with pytest.raises(PlatformError) as failed:
        provider.prepare(instance)
    assert "No space left" in failed.value.problem
    assert "free some space" in str(failed.value.remedy)
    assert not list(instance.directory.iterdir())
    (small / "ballast").unlink()
    provider.prepare(instance)


def test_a_backup_that_does_not_fit_says_so_and_leaves_nothing(small: Path, postgres: Server) -> None:
    url = postgres.provider.grant(postgres.instance, "shop_prod", "secret1")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t AS SELECT md5(random()::text) FROM generate_series(1, 100000)")
    fill(small, left=1 << 20)
    with pytest.raises(PlatformError, match="the backup cannot be written: No space left"):
        postgres.provider.backup(postgres.instance, small / "saved", lambda line: None)
    assert [one.name for one in small.iterdir()] == ["ballast"]


@pytest.mark.parametrize("kind", ["redis", "valkey"])
def test_redis_says_that_it_cannot_write_and_goes_on_by_itself(
    small: Path, shared: Path, kind: str, postgres_template: Instance
) -> None:
    provider = RedisProvider("valkey" if kind == "valkey" else "redis")
    server = on_disk(small, provider, provider.find(None, shared, print))
    try:
        server.start()
        url = provider.grant(server.instance, "shop_prod", "secret1")
        with client.from_url(url) as connection:
            connection.set("kept", "yes")
            fill(small, left=1 << 16)
            with pytest.raises(client.ResponseError, match="(?i)misconf|no space"):
                for number in range(10_000):
                    connection.set(f"more:{number}", "x" * 10_000)
            with pytest.raises(Unreachable) as refused:
                server.ask()
            assert refused.value.reason == "full"
            assert "No space left" in refused.value.problem
            (small / "ballast").unlink()
            assert eventually(server.ask).version
            connection.set("more", "again")
        server.kill()
        server.start()
        with client.from_url(url) as connection:
            assert connection.get("kept") == b"yes"
    finally:
        server.kill()
