"""The `.env` dialect, and that values survive it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.codebase.envfile import format_env, parse_env, read_env
from tolv.codebase.model import Variable
from tolv.codebase.schema import read_schema
from tolv.errors import UsageError

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
tricky = st.text(st.sampled_from("ab\\'\"$#=` \t\r\n\u2028\x85\x0b\x0cüé☃\ufeff\ud800{}()!;&|<>*?~"))
values = st.text(st.characters(exclude_characters="\0", exclude_categories=())) | tricky


@given(st.dictionaries(names, values))
def test_what_is_written_is_read_back_exactly(config: dict[str, str]) -> None:
    assert parse_env(format_env(config), ".env") == config


@given(st.dictionaries(names, values, min_size=1), st.sampled_from(["# note\n", "\n", "  \n", "#\n"]))
def test_comments_and_blank_lines_around_change_nothing(config: dict[str, str], between: str) -> None:
    text = between.join(["", *(format_env({name: value}) for name, value in config.items()), ""])
    assert parse_env("\ufeff" + text, ".env") == config


@given(st.text() | tricky)
def test_any_text_is_understood_or_refused_with_its_line(text: str) -> None:
    try:
        config = parse_env(text, ".env")
    except UsageError as error:
        refused = error
    else:
        assert parse_env(format_env(config), ".env") == config
        return
    assert str(refused.where).startswith(".env:")
    assert refused.remedy


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=hello world", "hello world"),
        ("A=a#b", "a#b"),
        ("A=#b", "#b"),
        ("A=a #b", "a"),
        ("A= # b", ""),
        ("A=", ""),
        ("A=it's", "it's"),
        ('A=say "x"', 'say "x"'),
        ("A=$HOME ${X}", "$HOME ${X}"),
        ("A=C:\\new", "C:\\new"),
        ("A = b ", "b"),
        ("export A=b", "b"),
        ("  A=b\r", "b"),
        ("A='x # \\n $y' # note", "x # \\n $y"),
        ("A='two\nlines'", "two\nlines"),
        (r'A="a\tb\nc\\n\"\$d\x"', 'a\tb\nc\\n"$d\\x'),
        ('A="two\nlines"  ', "two\nlines"),
        ('A=""', ""),
        ("A=a=b=c", "a=b=c"),
        ("A=été", "été"),
    ],
)
def test_the_dialect(line: str, value: str) -> None:
    assert parse_env(f"FIRST=1\n{line}\nLAST=2\n", ".env") == {"FIRST": "1", "A": value, "LAST": "2"}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("A", "not a line"),
        ("=b", "not a line"),
        ("1A=b", "not a line"),
        ("A-B=b", "not a line"),
        ("export A", "not a line"),
        ("A: b", "not a line"),
        ("A=a\0b", "not a line"),
        ("A='b", "never closes"),
        ('A="b\\"', "never closes"),
        ("A='b'c", "behind its closing quote"),
        ('A="b"#c', "behind its closing quote"),
        ("FIRST=2", "given twice: in line 1 and in line 4"),
    ],
)
def test_a_bad_line_is_an_error_with_its_number(line: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        parse_env(f"FIRST='1\n'\n\n{line}", ".env")
    assert caught.value.where == ".env:4"


def test_a_file_is_read_byte_for_byte(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfA='1\r\n2'\r\nB=3\r\n")
    assert read_env(tmp_path / ".env") == {"A": "1\r\n2", "B": "3"}
    assert read_env(tmp_path / "missing") == {}
    (tmp_path / ".env").write_bytes(b"A=1\nB=\xff\n")
    with pytest.raises(UsageError, match="not UTF-8") as caught:
        read_env(tmp_path / ".env")
    assert str(caught.value.where).endswith(".env:2")


def test_an_error_shows_nothing_of_a_secret() -> None:
    with pytest.raises(UsageError) as caught:
        parse_env("KEY=-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\n", ".env")
    assert "MIIE" not in str(caught.value)


@pytest.mark.parametrize("config", [{"A": "a\0b"}, {"A B": "x"}, {"": "x"}, {"1": "x"}, {"A\n": "x"}])
def test_what_no_environment_can_hold_is_not_written(config: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        format_env(config)


def test_the_example_file_is_the_schema(tmp_path: Path) -> None:
    example = tmp_path / ".env.example"
    example.write_text(
        "# Heading\n\n# Where the data is,\n# as a URL\nDATABASE_URL=\nWORKERS=2 # processes\nPREFIX=''\n"
        "TOKEN= # ask Ada\n#OLD=1\n# Why not\nDEBUG=0\nDEBUG=1\n"
    )
    assert read_schema(example) == (
        Variable("DATABASE_URL", None, "Where the data is, as a URL"),
        Variable("WORKERS", "2", "processes"),
        Variable("PREFIX", "", ""),
        Variable("TOKEN", None, "ask Ada"),
        Variable("DEBUG", "1", ""),
    )
    assert [one.required for one in read_schema(example)] == [True, False, False, True, False]


def test_no_example_file_is_no_schema(tmp_path: Path) -> None:
    assert read_schema(tmp_path / ".env.example") == ()


def test_a_bad_example_file_is_an_error_with_its_line(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("A=1\nwhat\n")
    with pytest.raises(UsageError) as caught:
        read_schema(tmp_path / ".env.example")
    assert caught.value.where == ".env.example:2"
