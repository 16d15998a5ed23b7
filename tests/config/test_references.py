"""References: what is one, and what reading one gives or says."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.config.references import Reference, known, parse_reference, plain, reference_in, references, unread
from tolv.config.resolve import resolve
from tolv.errors import PlatformError, UsageError

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    "text",
    [
        "file:/run/secrets/a b",
        "env:NAME",
        "op://vault/item/field",
        "op://v w/i/section/one-time password?attribute=otp",
        "vault:secret/app#key",
    ],
)
def test_the_forms_of_a_reference(text: str) -> None:
    assert parse_reference(text) == Reference(text)


NOTHING = (
    *("", "plain", "file:relative", "file:", "file:/a\nb", "env:1A", "env:", "op://vault/item", "op:///i/f"),
    *("vault:path", "vault:#f", "vault:-flag#f", "vault:p#", "vault:p#-f", "https://a"),
)


@pytest.mark.parametrize("text", NOTHING)
def test_what_refers_to_nothing_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(UsageError, match="refers to nothing") as caught:
        parse_reference(text)
    assert "write it as" in str(caught.value.remedy)


@given(texts, texts)
def test_a_value_is_never_taken_for_a_reference_and_a_reference_never_for_a_value(value: str, other: str) -> None:
    read = Reference("op://a/b/c", other)
    config = {"A": value, "B": read.entry, "C": Reference("env:X").entry}
    assert reference_in(value) is None
    assert dict(references(config)) == {"B": read, "C": Reference("env:X")}
    assert plain(config) == {"A": value, "B": other}
    assert known(config) == {"A": value, "B": other, "C": None}
    assert known(unread(config)) == {"A": value, "B": None, "C": None}


def tool(path: Path, name: str, script: str) -> dict[str, str]:
    """An environment whose PATH has a program of that name."""
    (path / name).write_text(f"#!/bin/sh\n{script}\n")
    (path / name).chmod(stat.S_IRWXU)
    return {"PATH": f"{path}:{os.environ['PATH']}", "TOLV_REFERENCE_DEADLINE": "20"}


def read(text: str, environment: dict[str, str]) -> str | PlatformError:
    found = asyncio.run(resolve({"TOKEN": parse_reference(text)}, environment))["TOKEN"]
    if isinstance(found, PlatformError):
        return found
    assert found.value is not None
    return found.value


def test_tools_get_the_reference_and_print_the_value(tmp_path: Path) -> None:
    op = tool(tmp_path, "op", 'test "$1 $2" = "read --no-newline" && printf "%s\\n" "of $3"')
    assert read("op://v/i/f g", op) == "of op://v/i/f g\n"
    vault = tool(tmp_path, "vault", 'test "$1 $2" = "kv get" && printf %s "$3 of $4"')
    assert read("vault:secret/app#key", vault) == "-field=key of secret/app"


def test_a_file_gives_its_line_or_all_of_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    for content, value in (
        ("s3cret", "s3cret"),
        ("s3cret\n", "s3cret"),
        ("a\r\n", "a"),
        ("-----\nkey\n-----\n", "-----\nkey\n-----\n"),
    ):
        file.write_bytes(content.encode())
        assert read(f"file:{file}", {}) == value


def test_a_variable_of_the_server_is_read_from_its_environment() -> None:
    assert read("env:STORED", {"STORED": "x y"}) == "x y"
    assert "has no STORED" in str(read("env:STORED", {}))


SECRET = "hunter22-hunter22"


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (f"echo {SECRET}; echo {SECRET} >&2; exit 3", "`op` ended with exit status 3"),
        ("exit 0", "it is empty"),
        (f"printf '{SECRET}\\377'", "it is not UTF-8"),
        (f"printf '{SECRET}\\000x'", "has a NUL"),
        (f"yes {SECRET} | head -c 1048576", "printed more than a variable can hold"),
        (f"yes {SECRET} | head -c 200000", "is too large"),
        ("kill -9 $$", "was ended by signal 9"),
    ],
)
def test_a_tool_that_fails_is_one_clear_error_without_a_word_of_what_it_printed(
    tmp_path: Path, script: str, problem: str
) -> None:
    error = read("op://v/i/f", tool(tmp_path, "op", script))
    assert isinstance(error, PlatformError)
    assert problem in error.problem
    assert "TOKEN" in error.problem
    assert error.where == "op://v/i/f"
    assert error.remedy
    assert "hunter22" not in str(error)


def test_a_tool_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    script = f"echo $$ > {tmp_path}/pid; sleep 1000 & echo $! > {tmp_path}/child; wait"
    error = read("op://v/i/f", {**tool(tmp_path, "op", script), "TOLV_REFERENCE_DEADLINE": "3"})
    assert "did not answer within 3 s" in str(error)
    for name in ("pid", "child"):
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", (tmp_path / name).read_text().strip()], capture_output=True, check=False
        )
        assert state.stdout.strip() in (b"", b"Z", b"Zs")


def test_what_outlives_a_tool_that_hangs_holds_no_descriptor_of_the_server(tmp_path: Path) -> None:
    script = f"setsid sleep 1000 & echo $! > {tmp_path}/stray; exec sleep 1000"
    before = os.listdir("/proc/self/fd")
    try:
        error = read("op://v/i/f", {**tool(tmp_path, "op", script), "TOLV_REFERENCE_DEADLINE": "1"})
        assert "did not answer" in str(error)
        assert len(os.listdir("/proc/self/fd")) == len(before)
    finally:
        os.kill(int((tmp_path / "stray").read_text()), signal.SIGKILL)


def test_what_is_not_there_says_so(tmp_path: Path) -> None:
    assert "no `op` on the PATH" in str(read("op://v/i/f", {"PATH": str(tmp_path)}))
    assert "No such file" in str(read(f"file:{tmp_path}/none", {}))
    assert "that is no file" in str(read(f"file:{tmp_path}", {}))
    os.mkfifo(tmp_path / "pipe")
    assert "that is no file" in str(read(f"file:{tmp_path}/pipe", {}))
    (tmp_path / "op").write_bytes(b"\x7fELF nothing")
    (tmp_path / "op").chmod(stat.S_IRWXU)
    assert "cannot be started" in str(read("op://v/i/f", {"PATH": str(tmp_path)}))


def test_several_are_read_and_each_has_its_own_answer(tmp_path: Path) -> None:
    wanted = {f"V{at}": parse_reference(f"env:V{at}") for at in range(9)}
    found = asyncio.run(resolve(wanted, {"V3": "three"}))
    assert list(found) == list(wanted)
    assert found["V3"] == Reference("env:V3", "three")
    assert sum(isinstance(one, PlatformError) for one in found.values()) == 8


@pytest.mark.parametrize("text", ["x", "0", "-1", "nan", "inf"])
def test_a_deadline_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no deadline"):
        asyncio.run(resolve({}, {"TOLV_REFERENCE_DEADLINE": text}))
