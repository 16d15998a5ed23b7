"""The Procfile, strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.codebase.procfile import parse_procfile
from tolv.errors import UsageError


def test_entries_keep_their_order_and_line() -> None:
    text = "# all of them\nweb: gunicorn app:app --bind 0.0.0.0:$PORT\n\n  # indented\nworker:python w.py # kept  \n"
    assert parse_procfile(text, "Procfile") == (
        ("web", "gunicorn app:app --bind 0.0.0.0:$PORT", 2),
        ("worker", "python w.py # kept", 5),
    )


def test_windows_line_ends_and_a_byte_order_mark_are_put_up_with() -> None:
    assert parse_procfile("\ufeffweb: a\r\n\r\nworker: b\r\n", "Procfile") == (("web", "a", 1), ("worker", "b", 3))


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n"])
def test_an_empty_procfile_has_no_entries(text: str) -> None:
    assert parse_procfile(text, "Procfile") == ()


@pytest.mark.parametrize(
    "line",
    [
        "web gunicorn",
        "we b: gunicorn",
        " web: gunicorn",
        "web : gunicorn",
        "wéb: gunicorn",
        ": gunicorn",
        f"{'a' * 64}: gunicorn",
        "web:",
        "web:   ",
        "web: a\x00b",
        "web: a\rb",
        "// web: gunicorn",
        "<<<<<<< HEAD",
        "=======",
        ">>>>>>> feature",
        "||||||| base",
    ],
)
def test_a_bad_line_is_an_error_with_its_number(line: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_procfile(f"worker: python w.py\n{line}\nclock: python c.py\n", "Procfile")
    assert caught.value.where == "Procfile:2"
    assert caught.value.remedy


def test_a_merge_marker_is_named_as_such() -> None:
    with pytest.raises(UsageError, match="merge"):
        parse_procfile("<<<<<<< HEAD\nweb: a\n=======\nweb: b\n>>>>>>> other\n", "Procfile")


def test_a_repeated_name_is_an_error_that_names_both_lines() -> None:
    with pytest.raises(UsageError, match="line 1 and in line 3") as caught:
        parse_procfile("web: a\nworker: b\nweb: c\n", "Procfile")
    assert caught.value.where == "Procfile:3"


@given(st.text())
def test_any_text_is_understood_or_refused_in_tolvs_own_words(text: str) -> None:
    try:
        entries = parse_procfile(text, "Procfile")
    except UsageError as error:
        refused = error
    else:
        lines = [line.strip() for line in text.removeprefix("\ufeff").split("\n")]
        assert len(entries) == sum(1 for line in lines if line and not line.startswith("#"))
        return
    assert refused.where
    assert refused.remedy
