"""Messages and fixes read alike, whichever rule they come from."""

from __future__ import annotations

import pytest

from tolv.check.wording import order, sentence


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("the start waits", "The start waits"),
        ("nothing handles SIGTERM.", "Nothing handles SIGTERM"),
        ("urlopen has no timeout", "urlopen has no timeout"),
        ("app.listen serves", "app.listen serves"),
        ("It is slow. It never ends.", "It is slow. It never ends."),
        ("and so on ...", "and so on ..."),
    ],
)
def test_a_message_begins_with_a_capital_unless_it_begins_with_a_name(written: str, shown: str) -> None:
    assert sentence(written) == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("drop the fallback to SQLite", "Drop the fallback to SQLite"),
        ("Pass timeout=10, in seconds.", "Pass timeout=10, in seconds"),
        ('url = env("DATABASE_URL")', 'url = env("DATABASE_URL")'),
        ("image: postgres:16", "image: postgres:16"),
        ("use `exec`", "Use `exec`"),
    ],
)
def test_a_fix_begins_with_a_capital_unless_it_is_code(written: str, shown: str) -> None:
    assert order(written) == shown
