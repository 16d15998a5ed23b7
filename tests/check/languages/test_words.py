"""The identifiers of a text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tolv.check.languages.words import words_of


def test_words_are_the_identifiers_wherever_they_stand() -> None:
    text = b"app.listen(PORT) // see $_ENV['DB_URL'], @@count"
    assert words_of(text) == {b"app", b"listen", b"PORT", b"see", b"_ENV", b"DB_URL", b"count"}


def test_letters_outside_of_ascii_stay_in_their_word() -> None:
    assert words_of("größe = 1".encode()) == {"größe".encode(), b"1"}


@given(st.binary())
def test_any_bytes_have_words(data: bytes) -> None:
    assert all(word in data for word in words_of(data))
