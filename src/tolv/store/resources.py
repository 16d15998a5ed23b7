"""Backing services: which there are, and which deploys may use them. Secrets are sealed."""

from __future__ import annotations

import json
import time
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from tolv.config.cipher import Cipher
from tolv.errors import UsageError
from tolv.services.resource import Grant, Resource
from tolv.store import tables
from tolv.store.store import Store

_resources, _grants = tables.resources, tables.grants


class Resources:
    """The backing services in a store."""

    def __init__(self, store: Store, cipher: Cipher) -> None:
        self._store = store
        self._cipher = cipher

    def add(self, resource: Resource, secrets: dict[str, str], *, by: str) -> None:
        """Write down a new one, before anything of it is made.

        Raises `UsageError` if its deploy has one of its name.
        """
        with self._store.write() as connection:
            taken = _find(connection, resource.app, resource.environment, resource.name)
            if taken is not None:
                raise UsageError(
                    f"{resource.app} in {resource.environment} has a {resource.name} already ({taken.kind})",
                    remedy="take another name, or see `tolv services`",
                )
            connection.execute(
                insert(_resources).values(
                    id=resource.id,
                    app=resource.app,
                    environment=resource.environment,
                    name=resource.name,
                    kind=resource.kind,
                    version=resource.version,
                    port=resource.port,
                    sealed=self._cipher.seal(secrets),
                    created=time.time(),
                    by=by,
                )
            )

    def secrets(self, id: str) -> dict[str, str]:
        """`password` of a local resource's administrator, `url` of one elsewhere."""
        with self._store.read() as connection:
            sealed = connection.execute(select(_resources.c.sealed).where(_resources.c.id == id)).scalar_one()
        return self._cipher.open(sealed)

    def set_port(self, id: str, port: int) -> None:
        """It listens elsewhere from now on."""
        with self._store.write() as connection:
            connection.execute(update(_resources).where(_resources.c.id == id).values(port=port))

    def remove(self, id: str) -> None:
        """Forget it, and who was granted it."""
        with self._store.write() as connection:
            connection.execute(delete(_grants).where(_grants.c.resource == id))
            connection.execute(delete(_resources).where(_resources.c.id == id))

    def find(self, app: str, environment: str, name: str) -> Resource | None:
        """The one that a deploy calls by this name."""
        with self._store.read() as connection:
            return _find(connection, app, environment, name)

    def grant(self, grant: Grant, *, by: str) -> None:
        """Write down a grant; one of the same deploy is replaced."""
        with self._store.write() as connection:
            _forget(connection, grant)
            connection.execute(
                insert(_grants).values(
                    resource=grant.resource,
                    app=grant.app,
                    environment=grant.environment,
                    tenant=grant.tenant,
                    sealed=self._cipher.seal({"url": grant.url, "values": json.dumps(dict(grant.values))}),
                    created=time.time(),
                    by=by,
                )
            )

    def revoke(self, grant: Grant) -> None:
        """Forget a grant."""
        with self._store.write() as connection:
            _forget(connection, grant)

    def grants(self) -> list[Grant]:
        """All grants, in the order in which they were made."""
        with self._store.read() as connection:
            rows = connection.execute(select(_grants).order_by(_grants.c.created, _grants.c.app)).all()
        return [self._grant(row) for row in rows]

    def _grant(self, row: Row[Any]) -> Grant:
        opened = self._cipher.open(row.sealed)
        values = json.loads(opened["values"])
        return Grant(row.resource, row.app, row.environment, row.tenant, opened["url"], values)

    def list(self) -> list[Resource]:
        """All, by app, environment and name."""
        with self._store.read() as connection:
            rows = connection.execute(
                select(_resources).order_by(_resources.c.app, _resources.c.environment, _resources.c.name)
            )
            return [_resource(row) for row in rows]


def _forget(connection: Connection, grant: Grant) -> None:
    table = _grants.c
    mine = table.resource == grant.resource, table.app == grant.app, table.environment == grant.environment
    connection.execute(delete(_grants).where(*mine))


def _find(connection: Connection, app: str, environment: str, name: str) -> Resource | None:
    table = _resources.c
    wanted = select(_resources).where(table.app == app, table.environment == environment, table.name == name)
    row = connection.execute(wanted).one_or_none()
    return None if row is None else _resource(row)


def _resource(row: Row[Any]) -> Resource:
    return Resource(row.id, row.app, row.environment, row.name, row.kind, row.version, row.port)
