"""What tests of `tolv prove` share: a real PostgreSQL."""

from __future__ import annotations

from services.conftest import make_postgres, postgres, postgres_binaries, postgres_template, reachable, shared

__all__ = ["make_postgres", "postgres", "postgres_binaries", "postgres_template", "reachable", "shared"]
