"""Servers that tests of backing services share."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ports import free_port
from services.servers import USER, Server, copy_of, own, shared_directory

from tolv.errors import PlatformError
from tolv.services.model import Binaries, Instance
from tolv.services.providers.postgres import PostgresProvider
from tolv.services.providers.redis import RedisProvider

PASSWORD = "admin0Password1"

Make = Callable[[], Server]


@pytest.fixture(scope="session")
def shared() -> Iterator[Path]:
    with shared_directory() as path:
        yield path


@pytest.fixture(scope="session")
def reachable(shared: Path) -> Iterator[Path]:
    """A directory of this worker that users without a name can reach, which pytest's own are not."""
    path = Path(tempfile.mkdtemp(prefix="worker-", dir=shared))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_binaries(shared: Path) -> Callable[[str | None], Binaries]:
    def find(wanted: str | None) -> Binaries:
        try:
            return PostgresProvider().find(wanted, shared, print)
        except PlatformError as error:
            pytest.skip(f"PostgreSQL {wanted} cannot be fetched here: {error.problem}")

    return find


@pytest.fixture(scope="session")
def postgres_template(reachable: Path, postgres_binaries: Callable[[str | None], Binaries]) -> Instance:
    instance = Instance(
        "template", own(reachable / "template", USER), free_port(), USER, PASSWORD, postgres_binaries("18")
    )
    PostgresProvider().prepare(instance)
    return instance


@pytest.fixture
def make_postgres(reachable: Path, postgres_template: Instance) -> Iterator[Make]:
    """Makes running PostgreSQL servers with nothing in them."""
    made: list[Server] = []

    def make() -> Server:
        directory = Path(tempfile.mkdtemp(prefix="postgres-", dir=reachable))
        directory.chmod(0o755)
        server = Server(PostgresProvider(), copy_of(postgres_template, directory / f"pg-{next(_numbers)}"))
        made.append(server)
        server.start()
        return server

    yield make
    for server in made:
        server.kill()
        shutil.rmtree(server.instance.directory.parent, ignore_errors=True)


@pytest.fixture
def postgres(make_postgres: Make) -> Server:
    return make_postgres()


@pytest.fixture(params=["redis", "valkey"])
def make_redis(request: pytest.FixtureRequest, shared: Path, reachable: Path) -> Iterator[Make]:
    """Makes running servers of each kind with nothing in them."""
    provider = RedisProvider(request.param)
    try:
        binaries = provider.find({"redis": "6.2", "valkey": "9"}[request.param], shared, print)
    except PlatformError as error:
        pytest.skip(f"{request.param} cannot be fetched here: {error.problem}")
    made: list[Server] = []

    def make() -> Server:
        directory = Path(tempfile.mkdtemp(prefix="redis-", dir=reachable))
        directory.chmod(0o755)
        home = own(directory / f"redis-{next(_numbers)}", USER)
        server = Server(provider, Instance(home.name, home, free_port(), USER, PASSWORD, binaries))
        made.append(server)
        provider.prepare(server.instance)
        server.start()
        return server

    yield make
    for server in made:
        server.kill()
        shutil.rmtree(server.instance.directory.parent, ignore_errors=True)


@pytest.fixture
def redis(make_redis: Make) -> Server:
    return make_redis()


_numbers = itertools.count(1)
