"""Own domains: which there are, and the one deploy that each leads to."""

from __future__ import annotations

import time

from sqlalchemy import Connection, delete, insert, select, update

from tolv.errors import UsageError
from tolv.route.edge.domain import Domain
from tolv.store import tables
from tolv.store.apps import read_deploy
from tolv.store.store import Store

_domains = tables.domains
_SELECT = select(_domains.c.name, _domains.c.app, _domains.c.environment, _domains.c.internal)


class Domains:
    """The domains in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, domain: Domain, *, by: str, move: bool = False) -> Domain | None:
        """Make the domain lead to its deploy; what it was before, if it was there.

        Raises `UsageError` if there is no such deploy, or if the domain is another's and is not told to `move`.
        """
        with self._store.write() as connection:
            read_deploy(connection, domain.app, domain.environment)
            before = _find(connection, domain.name)
            if before is None:
                values = {"app": domain.app, "environment": domain.environment, "internal": domain.internal}
                connection.execute(insert(_domains).values(name=domain.name, **values, created=time.time(), by=by))
            elif before != domain:
                if not move and (before.app, before.environment) != (domain.app, domain.environment):
                    raise _anothers(before)
                _put(connection, domain)
            return before

    def restore(self, name: str, before: Domain | None) -> None:
        """Undo an `add`."""
        with self._store.write() as connection:
            if before is None:
                connection.execute(delete(_domains).where(_domains.c.name == name))
            else:
                _put(connection, before)

    def remove(self, name: str) -> Domain:
        """Forget the domain; what it was. Raises `UsageError` if there is none."""
        with self._store.write() as connection:
            before = _find(connection, name)
            if before is None:
                raise UsageError(f"there is no domain {name}", remedy="see `tolv domains`")
            connection.execute(delete(_domains).where(_domains.c.name == name))
            return before

    def list(self) -> list[Domain]:
        """All domains, by name."""
        with self._store.read() as connection:
            rows = connection.execute(_SELECT.order_by(_domains.c.name))
            return [Domain(*row) for row in rows]


def _find(connection: Connection, name: str) -> Domain | None:
    row = connection.execute(_SELECT.where(_domains.c.name == name)).one_or_none()
    return Domain(*row) if row else None


def _put(connection: Connection, domain: Domain) -> None:
    values = {"app": domain.app, "environment": domain.environment, "internal": domain.internal}
    connection.execute(update(_domains).where(_domains.c.name == domain.name).values(**values))


def _anothers(domain: Domain) -> UsageError:
    return UsageError(
        f"{domain.name} leads to {domain.app} in {domain.environment}",
        remedy=f"move it with --move, or remove it there first: tolv domains remove {domain.name}",
    )
