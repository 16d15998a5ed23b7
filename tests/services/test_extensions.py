"""What is said of an extension that a PostgreSQL does not carry, and whether it is true."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tolv.services.extensions import having, hint
from tolv.services.model import Binaries
from tolv.services.providers.postgres import WHEELS


@pytest.mark.parametrize("version", ["16.14", "17.10", "18.6"])
def test_a_wheel_carries_what_is_said_of_it(version: str, postgres_binaries: Callable[[str | None], Binaries]) -> None:
    wheel = next(one for one in WHEELS if one.version == version)
    place = postgres_binaries(version).directory.parent
    carried = {one.stem for one in place.rglob("extension/*.control")}
    assert wheel.extensions
    assert wheel.extensions <= carried


def test_what_lacks_an_extension_is_told_who_has_it() -> None:
    assert {"17.10", "18.6"} <= set(having("pg_trgm"))
    assert "16.14" not in having("pg_trgm")
    said = 'psycopg.errors.FeatureNotSupported: extension "pg_trgm" is not available\nDETAIL:  Could not open'
    told = hint(said)
    assert told is not None
    assert "the server has no extension pg_trgm; these versions carry it: 18.6, 17.10" in told
    assert hint('relation "notes" does not exist') is None


def test_an_extension_that_nothing_carries_is_told_as_such() -> None:
    assert "no version that Tolv can run here carries it" in str(hint('extension "nowhere" is not available'))
