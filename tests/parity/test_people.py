"""Who deployed beside who wrote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.parity.people import is_shared, wrote

ADA = ("Ada Lovelace", "ada.l@example.com")


@pytest.mark.parametrize(
    "by", ["ada@here", "lovelace@x", "alovelace@x", "adal@x", "ada.l@x", "ADA@x", "ada-lovelace@x", "ada_l"]
)
def test_a_login_made_of_an_authors_name_or_address_is_the_author(by: str) -> None:
    assert wrote(by, [("Bob", "bob@example.com"), ADA])


@pytest.mark.parametrize("by", ["bob@here", "ad@x", "lovelaceada2@x", "@x", "", "example@x"])
def test_any_other_login_is_not(by: str) -> None:
    assert not wrote(by, [ADA])


def test_an_address_that_a_host_made_up_counts_by_its_last_part() -> None:
    assert wrote("ada@x", [("A.", "4711+ada@users.noreply.example")])


def test_letters_with_accents_are_those_without() -> None:
    assert wrote("andre@x", [("André Weil", "x@y")])


@pytest.mark.parametrize("by", ["root@ci", "gitlab-runner@x", "tolv", "1000@x", "@x", "Deploy@x"])
def test_nobody_can_tell_who_a_shared_login_was(by: str) -> None:
    assert is_shared(by)


@given(by=st.text(), name=st.text(), email=st.text())
def test_any_text_is_a_name(by: str, name: str, email: str) -> None:
    assert isinstance(wrote(by, [(name, email)]), bool)
    assert isinstance(is_shared(by), bool)
