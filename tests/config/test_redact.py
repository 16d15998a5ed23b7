"""Secrets do not show."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.config.redact import MASK, Redactor, mask


@given(st.text(max_size=23))
def test_nothing_of_a_short_value_shows(value: str) -> None:
    assert mask(value) == MASK


def test_a_long_value_shows_its_last_three_characters_if_they_are_plain() -> None:
    assert mask("sk_live_0123456789abcdefghij") == MASK + "hij"
    assert mask("-----BEGIN KEY-----\nabc\n-----END KEY-----\n") == MASK


@given(st.text(min_size=6).filter(lambda value: len(value.strip()) >= 6), st.text(), st.text())
def test_a_known_value_never_survives(value: str, before: str, after: str) -> None:
    secret = value.strip()
    redact = Redactor([value])
    for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe="", errors="replace")):
        assert form not in redact(f"{before}{form}{after}").replace(MASK, "\0")


def test_the_longest_value_goes_first() -> None:
    assert Redactor(["secret", "secret-and-more"])("x secret-and-more y secret z") == f"x {MASK} y {MASK} z"


def test_the_lines_of_a_key_go_one_by_one() -> None:
    key = "-----BEGIN KEY-----\nMIIEpAIBAAKC\n-----END KEY-----"
    assert "MIIE" not in Redactor([key])("loaded MIIEpAIBAAKC")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://app:pw@db/x", f"postgres://app:{MASK}@db/x"),
        ("redis://:pw@cache:6379 and more", f"redis://:{MASK}@cache:6379 and more"),
        ("https://example.org:8443/a@b", "https://example.org:8443/a@b"),
        ("see http://user@host/", "see http://user@host/"),
    ],
)
def test_the_password_of_any_url_goes(text: str, shown: str) -> None:
    assert Redactor([])(text) == shown


def test_the_password_inside_a_known_url_goes_on_its_own_too() -> None:
    redact = Redactor(["postgres://app:p%40ssword@db/x"])
    assert redact("FATAL: p@ssword and p%40ssword are wrong") == f"FATAL: {MASK} and {MASK} are wrong"


def test_values_that_turn_up_anywhere_stay() -> None:
    assert Redactor(["1", "true", ""])("1 is true") == "1 is true"
