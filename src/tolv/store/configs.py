"""Config, as immutable snapshots. The caller seals them: what lies here is unreadable without the key."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from tolv.errors import PlatformError
from tolv.store import tables
from tolv.store.apps import read_deploy
from tolv.store.store import Store

_configs = tables.configs


@dataclass(frozen=True, slots=True)
class ConfigSnapshot:
    """All variables of a deploy at one moment, sealed. `created` is seconds since 1970."""

    id: int
    app: str
    environment: str
    sealed: bytes
    created: float
    by: str

    @property
    def digest(self) -> str:
        """What a release's hash says of it."""
        return config_digest(self.sealed)


class Configs:
    """The config snapshots in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, app: str, environment: str, sealed: bytes, by: str) -> int:
        """Keep a snapshot and return its id. The head stays: `Deploys.set_config` or a live release moves it.

        Raises `UsageError` if there is no such deploy.
        """
        with self._store.write() as connection:
            read_deploy(connection, app, environment)
            values = {"app": app, "environment": environment, "sealed": sealed, "created": time.time(), "by": by}
            row_id: int = connection.execute(insert(_configs).values(**values).returning(_configs.c.id)).scalar_one()
            return row_id

    def any(self) -> bool:
        """Whether something was ever sealed."""
        with self._store.read() as connection:
            return connection.execute(select(_configs.c.id).limit(1)).first() is not None

    def get(self, config: int) -> ConfigSnapshot:
        """The snapshot of that id. Raises `PlatformError` if it is gone: somebody removed it by hand."""
        with self._store.read() as connection:
            return _read(connection, config, self._store.where)

    def head(self, app: str, environment: str) -> ConfigSnapshot | None:
        """The snapshot that the deploy's next release takes; None: nothing was ever set."""
        with self._store.read() as connection:
            deploy = read_deploy(connection, app, environment)
            return None if deploy.config is None else _read(connection, deploy.config, self._store.where)


def config_digest(sealed: bytes) -> str:
    """sha256 over a sealed snapshot, in hex."""
    return hashlib.sha256(sealed).hexdigest()


def _read(connection: Connection, config: int, where: str) -> ConfigSnapshot:
    row = connection.execute(select(_configs).where(_configs.c.id == config)).one_or_none()
    if row is None:
        raise PlatformError(
            f"config snapshot {config} is gone from the store", where=where, remedy="restore a backup of the store"
        )
    return ConfigSnapshot(**row._mapping)
