"""No source, however made, makes a front end raise or go on without end."""

from __future__ import annotations

import pytest
from check.languages.reading import said
from hypothesis import given, settings
from hypothesis import strategies as st

from tolv.check.languages import make_source
from tolv.check.source import Language, Source

FRONT_ENDS: tuple[tuple[Language, str], ...] = (
    ("javascript", "a.js"),
    ("javascript", "a.tsx"),
    ("go", "a.go"),
    ("ruby", "a.rb"),
    ("php", "a.php"),
    ("java", "A.java"),
)
PIECES = (
    *("{", "}", "(", ")", "[", "]", "a", ".b", "process.env.", 'getenv("A")', "=", ":=", "||", "+", '"x"', ";", "\n"),
    *("if ", "class A ", "function ", "func ", "def f\n", 'ENV["x"] ', "end ", "do ", ",", "? ", ": ", "=>", "$x", "`"),
    *("${", "new ", "const a", "import ", "require ", "static ", "@Value(", "use A\\B;", "<?php ", "<<~T\n", "é"),
)


def read_all(source: Source) -> list[object]:
    """Ask a source all there is to ask."""
    return [
        source.words,
        source.broken,
        source.lines,
        list(source.calls()),
        list(source.calls("a", ".b", "c.d")),
        list(source.bindings()),
        list(source.bindings("a")),
        [said(one) for one in source.env_reads()],
        source.imports(),
        source.functions(),
        list(source.writes()),
        list(source.texts()),
        list(source.texts("x")),
    ]


@pytest.mark.parametrize(("language", "path"), FRONT_ENDS)
@given(data=st.binary(max_size=400))
def test_any_bytes_are_read_without_an_error(language: Language, path: str, data: bytes) -> None:
    read_all(make_source(path, language, data))


@pytest.mark.parametrize(("language", "path"), FRONT_ENDS)
@settings(max_examples=150)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=60))
def test_any_pieces_of_code_are_read_without_an_error(language: Language, path: str, pieces: list[str]) -> None:
    start = "<?php " if path.endswith("php") else ""
    read_all(make_source(path, language, (start + "".join(pieces)).encode()))


@pytest.mark.parametrize(("language", "path"), FRONT_ENDS)
@pytest.mark.parametrize(
    "code",
    ["[" * 100_000, "x = " + "[" * 50_000 + "]" * 50_000 + ";", "f(" * 30_000, "x = a" + ".b()" * 20_000 + ";"],
    ids=["open", "closed", "calls", "chain"],
)
def test_deep_nesting_is_no_recursion(language: Language, path: str, code: str) -> None:
    start = "<?php " if path.endswith("php") else ""
    read_all(make_source(path, language, (start + code).encode()))


@pytest.mark.parametrize(("language", "path"), FRONT_ENDS)
def test_what_is_too_large_to_be_a_source_is_not_parsed(language: Language, path: str) -> None:
    source = make_source(path, language, b'a=1;b("x",{c:2});' * 1_200_000)
    assert source.broken == "it is larger than 2 MiB"
    assert list(source.calls("b")) == []
    assert source.words == {b"a", b"1", b"b", b"x", b"c", b"2"}


@pytest.mark.parametrize(("language", "path"), FRONT_ENDS)
def test_what_is_no_text_is_not_parsed(language: Language, path: str) -> None:
    assert make_source(path, language, b"f(1)\0").broken == "it is no text"


def test_many_names_that_lead_to_each_other_are_followed_in_bounded_time() -> None:
    code = "".join(f"const v{n} = v{n + 1};\n" for n in range(3000)) + "f(v0);\n"
    [call] = make_source("a.js", "javascript", code.encode()).calls("f")
    assert said(call.arguments[0]).startswith("name v")


def test_a_name_that_is_bound_to_itself_stays_itself() -> None:
    [call] = make_source("a.js", "javascript", b"const a = b, b = a; f(a)").calls("f")
    assert call.arguments[0].kind == "name"
