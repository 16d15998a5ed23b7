"""What is said of an extension that a PostgreSQL does not carry, and whether it is true."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tolv.services.extensions import having, hint
from tolv.services.model import Binaries


def test_what_is_at_hand_is_looked_at(shared: Path, postgres_binaries: Callable[[str | None], Binaries]) -> None:
    postgres_binaries("17.10")
    postgres_binaries("18.6")
    assert "17.10" in having("pgcrypto", shared)
    assert "18.6" not in having("pgcrypto", shared)
    assert "18.6" in having("vector", shared)


def test_what_lacks_an_extension_is_told_who_has_it(tmp_path: Path) -> None:
    assert "17.10" in having("pg_trgm", tmp_path)
    assert "16.2" not in having("pg_trgm", tmp_path)
    said = 'psycopg.errors.FeatureNotSupported: extension "pg_trgm" is not available\nDETAIL:  Could not open'
    told = hint(said, tmp_path)
    assert told is not None
    assert told.startswith("the server has no extension pg_trgm; these versions carry it: 17.10, ")
    assert hint('relation "notes" does not exist', tmp_path) is None


def test_an_extension_that_nothing_carries_is_told_as_such(tmp_path: Path) -> None:
    assert "no version that Tolv can run here carries it" in str(hint('extension "nowhere" is not available', tmp_path))
