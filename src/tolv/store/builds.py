"""The builds that releases name. The image holds the truth; this is the index of it, and outlives the image."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from sqlalchemy import insert, select, update

from tolv.build.model import Build, build_from_json, build_to_json
from tolv.store import tables
from tolv.store.store import Store

_builds = tables.builds


class Builds:
    """The builds in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, build: Build) -> None:
        """Remember a build whose image is there. Again and again is fine: also after `mark_removed`."""
        values: dict[str, Any] = {"app": build.app, "json": build_to_json(build), "removed": None}
        with self._store.write() as connection:
            changed = connection.execute(update(_builds).where(_builds.c.digest == build.digest).values(**values))
            if changed.rowcount == 0:
                connection.execute(insert(_builds).values(digest=build.digest, created_at=time.time(), **values))

    def find(self, digest: str) -> Build | None:
        """The build of that digest, whether its image is still there or not."""
        with self._store.read() as connection:
            data = connection.execute(select(_builds.c.json).where(_builds.c.digest == digest)).scalar_one_or_none()
        return None if data is None else build_from_json(data)

    def newest(self, app: str) -> Build | None:
        """The build that was made of an app last, whether its image is still there or not."""
        last = select(_builds.c.json).where(_builds.c.app == app).order_by(_builds.c.created_at.desc()).limit(1)
        with self._store.read() as connection:
            data = connection.execute(last).scalar_one_or_none()
        return None if data is None else build_from_json(data)

    def present(self) -> set[str]:
        """Digests that nobody has said to be gone."""
        with self._store.read() as connection:
            return set(connection.execute(select(_builds.c.digest).where(_builds.c.removed.is_(None))).scalars())

    def mark_removed(self, digests: Iterable[str]) -> None:
        """Say that these images are gone: releases of them are no longer restorable."""
        with self._store.write() as connection:
            for digest in digests:
                connection.execute(update(_builds).where(_builds.c.digest == digest).values(removed=time.time()))
