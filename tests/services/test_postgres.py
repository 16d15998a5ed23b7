"""PostgreSQL as Tolv runs it: found, prepared, asked, shared with least privilege, and safe when it is killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from ports import free_port
from services.servers import USER, Server, as_user, eventually, own

from tolv.errors import PlatformError, UsageError
from tolv.services.ask import Unreachable, ask
from tolv.services.model import Binaries, Instance
from tolv.services.providers.postgres import NPM, WHEELS, PostgresProvider

Find = Callable[[str | None], Binaries]


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(query)
        return found.fetchall() if found.description else []


def refuses(url: str, statement: str) -> str:
    """The state that the statement is refused with."""
    with psycopg.connect(url, autocommit=True) as connection:
        with pytest.raises(psycopg.Error) as refused:
            connection.execute(statement)
        return str(refused.value.sqlstate)


# Finding.


@pytest.mark.parametrize(
    ("wanted", "version"), [("14", "14.23"), ("16", "16.14"), ("16.2", "16.2"), ("17", "17.10"), ("18.6", "18.6")]
)
def test_the_wanted_version_is_fetched_and_runs(postgres_binaries: Find, wanted: str, version: str) -> None:
    if wanted == "14" and not NPM[1].available():
        pytest.skip("there is no npm here")
    binaries = postgres_binaries(wanted)
    if binaries.origin.startswith("the host's"):
        pytest.skip(f"the host has {binaries.version}")
    assert binaries.version == version
    said = subprocess.run([binaries.directory / "postgres", "--version"], capture_output=True, text=True).stdout
    assert said.strip().startswith(f"postgres (PostgreSQL) {version}")
    assert all((binaries.directory / name).exists() for name in ("initdb", "pg_dump", "pg_restore"))


def test_another_version_is_never_taken_silently(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        PostgresProvider().find("12", tmp_path, print)
    assert "PostgreSQL 12 cannot be had" in refused.value.problem
    assert "16.14" in str(refused.value.where)
    assert "apt install postgresql-12" in str(refused.value.remedy)
    assert not list(tmp_path.rglob("*"))


def test_a_version_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no version 'newest'"):
        PostgresProvider().find("newest", tmp_path, print)


def test_a_fetch_that_fails_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://ada:hunter2@127.0.0.1:9/simple")
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(PlatformError) as failed:
        WHEELS[0].fetch(tmp_path, print)
    assert "postgres 16.2 (pgserver 0.1.4) cannot be fetched" in failed.value.problem
    assert "hunter2" not in str(failed.value)
    assert not [one for one in (tmp_path / "servers").iterdir() if not one.name.endswith(".lock")]


def test_two_at_once_fetch_one_time(shared: Path, postgres_binaries: Find, tmp_path: Path) -> None:
    postgres_binaries("16.2")  # skips where nothing can be fetched
    code = (
        "import sys; from pathlib import Path; from tolv.services.providers.postgres import WHEELS\n"
        "print(WHEELS[0].fetch(Path(sys.argv[1]), lambda line: print('told', line)).version)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = "".join(one.communicate(timeout=100)[0] for one in both)
    assert said.count("16.2\n") == 2
    assert said.count("told fetching postgres 16.2 (11 MB)") == 1


# Preparing and running.


def test_it_is_safe_as_it_is_made(postgres: Server) -> None:
    data = postgres.instance.directory / "data"
    assert {
        line.split()[-1] for line in (data / "pg_hba.conf").read_text().splitlines() if line and line[0] != "#"
    } == {"scram-sha-256"}
    assert data.stat().st_mode & 0o077 == 0
    if USER is not None:
        assert {path.stat().st_uid for path in data.rglob("*")} == {USER}
    admin = f"postgresql://tolv:{postgres.instance.password}@127.0.0.1:{postgres.instance.port}/postgres"
    assert rows(admin, "SHOW data_checksums") == [("on",)]
    assert rows(admin, "SHOW server_encoding") == [("UTF8",)]
    assert rows(admin, "SHOW listen_addresses") == [("127.0.0.1",)]
    argv = " ".join(postgres.provider.command(postgres.instance).argv)
    assert postgres.instance.password not in argv
    assert postgres.instance.password not in postgres.said()


def test_it_says_what_it_is(postgres: Server) -> None:
    facts = postgres.ask()
    assert facts.version == postgres.instance.binaries.version
    assert facts.size is not None
    assert facts.size > 1_000_000
    assert not facts.read_only


def test_it_stops_at_once_with_sessions_open(postgres: Server) -> None:
    url = postgres.provider.grant(postgres.instance, "shop_prod", "secret0")
    with closing(psycopg.connect(url)) as connection:
        connection.execute("SELECT 1")
        assert postgres.stop() == 0


def test_a_preparation_that_is_killed_starts_afresh(
    reachable: Path, postgres_template: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, temporary = own(reachable / "killed", USER), own(reachable / "temporary", None)
    temporary.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    instance = replace(postgres_template, directory=directory, port=free_port(), id="killed")
    code = (
        "import sys; from pathlib import Path; from tolv.services.model import *\n"
        "from tolv.services.providers.postgres import PROVIDER\n"
        "id, directory, port, user, version, programs, reads = sys.argv[1:]\n"
        "binaries = Binaries(version, Path(programs), 'here', (Path(reads),))\n"
        "PROVIDER.prepare(Instance(id, Path(directory), int(port), eval(user), 'admin0Password1', binaries))"
    )
    binaries = instance.binaries
    words = (instance.id, directory, instance.port, USER, binaries.version, binaries.directory, binaries.reads[0])
    with subprocess.Popen([sys.executable, "-c", code, *map(str, words)], start_new_session=True) as preparing:
        eventually(lambda: [*directory.rglob("PG_VERSION"), *temporary.rglob("PG_VERSION")])
        os.killpg(preparing.pid, signal.SIGKILL)
    assert not (directory / "data").exists()
    provider = PostgresProvider()
    provider.prepare(instance)
    provider.prepare(instance)
    assert [one.name for one in directory.iterdir()] == ["data"]
    assert not list(temporary.iterdir())
    server = Server(provider, instance)
    try:
        server.start()
        assert server.ask().version == instance.binaries.version
    finally:
        server.kill()
        shutil.rmtree(directory)
        shutil.rmtree(temporary)


def test_a_deep_directory_out_of_reach_is_no_matter(
    reachable: Path, postgres_template: Instance, tmp_path: Path
) -> None:
    """A home is of mode 0700 and may lie deep; only the server's own view lets its user in."""
    deep = tmp_path / ("long-" * 20) / ("name-" * 20)
    deep.mkdir(parents=True)
    wheel = postgres_template.binaries.reads
    if not wheel:
        pytest.skip("the host's programs are within reach")
    shutil.copytree(wheel[0], deep / "programs", symlinks=True)
    programs = deep / "programs" / postgres_template.binaries.directory.relative_to(wheel[0])
    binaries = replace(postgres_template.binaries, directory=programs, reads=(deep / "programs",))
    instance = replace(postgres_template, id="deep", directory=own(deep / "deep", USER), binaries=binaries)
    PostgresProvider().prepare(instance)
    assert (instance.directory / "data" / "PG_VERSION").exists()
    assert {path.stat().st_uid for path in (instance.directory / "data").rglob("*")} == {
        os.geteuid() if USER is None else USER
    }


def test_data_of_another_version_is_refused_with_the_way_out(
    postgres_template: Instance, postgres_binaries: Find
) -> None:
    with pytest.raises(PlatformError) as refused:
        PostgresProvider().prepare(replace(postgres_template, binaries=postgres_binaries("16.2")))
    major = postgres_template.binaries.version.split(".")[0]
    assert refused.value.problem == f"the data is of PostgreSQL {major}, the programs are of 16.2"
    assert f"ask for version {major}" in str(refused.value.remedy)


def test_a_killed_server_whose_number_another_process_has_starts_again(postgres: Server) -> None:
    provider, instance = postgres.provider, postgres.instance
    url = provider.grant(instance, "shop_prod", "secret0")
    rows(url, "CREATE TABLE t (id int)")
    lock = instance.directory / "data" / "postmaster.pid"
    provider.prepare(instance)
    assert lock.exists()  # of a server that lives
    postgres.kill()
    with subprocess.Popen(["setpriv", *as_user(USER), "sleep", "60"]) as other:
        lock.write_text(lock.read_text().replace(lock.read_text().split()[0], str(other.pid), 1))
        try:
            provider.prepare(instance)
            postgres.start()
            assert rows(url, "SELECT * FROM t") == []
        finally:
            other.kill()


def test_committed_rows_are_there_after_a_kill(postgres: Server) -> None:
    url = postgres.provider.grant(postgres.instance, "shop_prod", "secret0")
    rows(url, "CREATE TABLE orders (id int)")
    with psycopg.connect(url, autocommit=True) as connection:
        for number in range(200):
            connection.execute("INSERT INTO orders VALUES (%s)", [number])
    with closing(psycopg.connect(url)) as uncommitted:
        uncommitted.execute("INSERT INTO orders VALUES (-1)")
        postgres.kill()
    postgres.start()
    assert rows(url, "SELECT count(*), min(id) FROM orders") == [(200, 0)]


# Least privilege.


def test_a_deploy_gets_its_own_data_and_no_other(make_postgres: Callable[[], Server]) -> None:
    server = make_postgres()
    url = server.provider.grant(server.instance, "shop_prod", "s3/c:r@t %")
    assert url.startswith("postgresql://shop_prod:s3%2Fc%3Ar%40t%20%25@127.0.0.1:")
    rows(url, "CREATE TABLE t (id serial PRIMARY KEY); INSERT INTO t DEFAULT VALUES; CREATE SCHEMA own")
    for statement in (
        "CREATE ROLE more",
        "CREATE DATABASE more",
        "COPY t FROM PROGRAM 'id'",
        "COPY t TO '/tmp/tolv-must-not-be'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT * FROM pg_authid",
        "ALTER ROLE shop_prod SUPERUSER",
        "ALTER SYSTEM SET fsync = off",
        "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'libc', 'getpid'",
        "SELECT lo_import('/etc/passwd')",
        "SET ROLE tolv",
        "SET SESSION AUTHORIZATION tolv",
    ):
        assert refuses(url, statement) in ("42501", "0LP01"), statement
    for other in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(url.rpartition("/")[0] + f"/{other}")


def test_sharers_see_each_others_tables_as_users_of_their_own(postgres: Server) -> None:
    provider, instance = postgres.provider, postgres.instance
    first = provider.grant(instance, "shop_prod", "secret1")
    second = provider.grant(instance, "blog_prod", "secret2")
    assert first.rpartition("/")[2] == second.rpartition("/")[2] == "shop_prod"
    rows(first, "CREATE TABLE t (id serial PRIMARY KEY)")
    rows(second, "INSERT INTO t DEFAULT VALUES; ALTER TABLE t ADD COLUMN colour text; CREATE TABLE u (id int)")
    assert rows(first, "SELECT id, colour FROM t") == [(1, None)]
    assert rows(first, "DROP TABLE u") == []
    assert rows(second, "SELECT session_user::text") == [("blog_prod",)]


def test_a_grant_again_is_the_same_and_a_new_password_replaces_the_old(postgres: Server) -> None:
    provider, instance = postgres.provider, postgres.instance
    first = provider.grant(instance, "shop_prod", "secret1")
    rows(first, "CREATE TABLE t (id int)")
    assert provider.grant(instance, "shop_prod", "secret1") == first
    assert rows(first, "SELECT * FROM t") == []
    second = provider.grant(instance, "shop_prod", "secret2")
    assert rows(second, "SELECT * FROM t") == []
    with pytest.raises(Unreachable) as refused:
        ask("postgres", first, 5)
    assert refused.value.reason == "password"


def test_a_tenant_whose_name_is_taken_or_long_gets_another(postgres: Server) -> None:
    for tenant in ("tolv", "postgres", "pg_shop", "a" * 90):
        url = postgres.provider.grant(postgres.instance, tenant, "secret1")
        assert url == postgres.provider.grant(postgres.instance, tenant, "secret1")
        assert rows(url, "SELECT current_user::text") == [("tolv_owner",)]


def test_in_an_old_version_a_deploy_owns_its_schema_and_has_the_usual_extensions(
    reachable: Path, postgres_binaries: Find, tmp_path: Path
) -> None:
    if not NPM[1].available():
        pytest.skip("there is no npm here")
    provider = PostgresProvider()
    home = own(reachable / "old", USER)
    server = Server(provider, Instance("old", home, free_port(), USER, "admin0Password1", postgres_binaries("14")))
    try:
        provider.prepare(server.instance)
        server.start()
        url = provider.grant(server.instance, "shop_prod", "secret0")
        rows(url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        rows(url, 'CREATE EXTENSION "uuid-ossp"; CREATE EXTENSION pgcrypto; CREATE EXTENSION citext')
        rows(url, "CREATE TABLE t AS SELECT uuid_generate_v4() AS id, 'A'::citext AS name")
        provider.backup(server.instance, tmp_path / "saved", print)
        rows(url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        provider.restore(server.instance, tmp_path / "saved", print)
        assert rows(url, "SELECT name = 'a' FROM t") == [(True,)]
    finally:
        server.kill()
        shutil.rmtree(home, ignore_errors=True)


def test_who_is_revoked_is_out_at_once_and_its_data_stays(postgres: Server) -> None:
    provider, instance = postgres.provider, postgres.instance
    first = provider.grant(instance, "shop_prod", "secret1")
    second = provider.grant(instance, "blog_prod", "secret2")
    with psycopg.connect(second, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id int)")
        connection.execute("SET ROLE NONE; CREATE SCHEMA mine")
        provider.revoke(instance, "blog_prod")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    provider.revoke(instance, "blog_prod")
    assert rows(first, "SELECT * FROM t") == []
    with pytest.raises(Unreachable) as refused:
        ask("postgres", second, 5)
    assert refused.value.reason == "password"
    provider.revoke(instance, "shop_prod")
    again = provider.grant(instance, "shop_prod", "secret3")
    assert rows(again, "SELECT * FROM t") == []


# Asking.


def test_what_is_wrong_is_told_apart(postgres: Server) -> None:
    url = postgres.provider.grant(postgres.instance, "shop_prod", "secret1")
    assert ask("postgres", url, 5).version == postgres.instance.binaries.version
    assert ask("postgres", url.replace("postgresql://", "postgresql+psycopg2://") + "?conn_max_age=60", 5).version
    wrong = {
        url.replace("secret1", "hunter2"): "password",
        url.replace("shop_prod:", "nobody:"): "password",
        url.rpartition("/")[0] + "/missing": "missing",
        url + "?sslmode=require": "tls",
        url.replace(str(postgres.instance.port), str(free_port())): "refused",
        url.replace("127.0.0.1", "no.such.host.invalid"): "unreachable",
    }
    for one, reason in wrong.items():
        with pytest.raises(Unreachable) as refused:
            ask("postgres", one, 5)
        assert refused.value.reason == reason, str(refused.value)
        assert "secret1" not in str(refused.value)
        assert "hunter2" not in str(refused.value)
        assert refused.value.remedy


@pytest.fixture
def with_tls(reachable: Path, postgres_binaries: Find) -> Iterator[Server]:
    """A server that was built with OpenSSL, which that of 18 is not."""
    home = own(reachable / "tls", USER)
    server = Server(
        PostgresProvider(), Instance("tls", home, free_port(), USER, "admin0Password1", postgres_binaries("17"))
    )
    server.provider.prepare(server.instance)
    server.start()
    yield server
    server.kill()
    shutil.rmtree(home, ignore_errors=True)


def test_tls_is_spoken_as_the_url_says_and_the_certificate_is_checked(with_tls: Server, tmp_path: Path) -> None:
    postgres = with_tls
    data = postgres.instance.directory / "data"
    for name in ("server", "other"):
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
                *("-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.crt", "-subj", "/CN=localhost"),
                *("-addext", "subjectAltName=IP:127.0.0.1"),
            ],
            check=True,
            capture_output=True,
        )
    for name in ("server.key", "server.crt"):
        shutil.copy(tmp_path / name, data / name)
        (data / name).chmod(0o600)
        if USER is not None:
            os.chown(data / name, USER, USER)
    url = postgres.provider.grant(postgres.instance, "shop_prod", "secret1")
    admin = f"postgresql://tolv:{postgres.instance.password}@127.0.0.1:{postgres.instance.port}/postgres"
    rows(admin, "ALTER SYSTEM SET ssl = on")
    rows(admin, "SELECT pg_reload_conf()")
    good = f"{url}?sslmode=verify-full&sslrootcert={tmp_path}/server.crt"
    assert eventually(lambda: ask("postgres", good, 5)).version
    with pytest.raises(Unreachable) as refused:
        ask("postgres", good.replace("server.crt", "other.crt"), 5)
    assert refused.value.reason == "tls"


def test_what_is_no_postgresql_is_refused() -> None:
    with pytest.raises(UsageError, match="mysql:// is not PostgreSQL"):
        ask("postgres", "mysql://u:p@127.0.0.1/x", 1)


def test_a_read_only_database_says_so(postgres: Server) -> None:
    url = postgres.provider.grant(postgres.instance, "shop_prod", "secret1")
    admin = f"postgresql://tolv:{postgres.instance.password}@127.0.0.1:{postgres.instance.port}/postgres"
    rows(admin, "ALTER DATABASE shop_prod SET default_transaction_read_only = on")
    assert ask("postgres", url, 5).read_only
    assert postgres.ask().read_only


def test_a_server_that_hangs_is_told_within_the_time(postgres: Server) -> None:
    url = postgres.provider.grant(postgres.instance, "shop_prod", "secret1")
    postgres.signal(signal.SIGSTOP)
    try:
        with pytest.raises(Unreachable) as refused:
            ask("postgres", url, 0.5)
        assert refused.value.reason == "hangs"
    finally:
        postgres.signal(signal.SIGCONT)
    assert eventually(lambda: ask("postgres", url, 5)).version
