"""Which variables an app names where it ends for want of them."""

from __future__ import annotations

import pytest

from tolv.prove.probes._roaming import names_in


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("KeyError: 'DATABASE_URL'", ["DATABASE_URL"]),
        ("2 errors\ndatabase_url\n  field required\nsecret_key\n  field required", ["DATABASE_URL", "SECRET_KEY"]),
        ("missing config:\n  secret_key: required", ["SECRET_KEY"]),
        ("the debug mode of secret_keys", []),
        ("File config.py, in connect\n    connect(database_url, timeout=1)", []),
        ("debug\ndebug: off", []),
    ],
)
def test_names_are_found_as_variables_and_as_fields(said: str, named: list[str]) -> None:
    assert names_in(said, ["DATABASE_URL", "SECRET_KEY", "DEBUG"]) == named
