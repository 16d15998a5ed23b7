"""The command line as a whole: light, helpful, documented."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from tolv.cli.main import SECTIONS, cli
from tolv.cli.reference import reference

ROOT = Path(__file__).parents[2]
#: Each alone would cost a good part of the tenth of a second that a command has.
HEAVY = {"asyncio", "fastapi", "http.client", "pydantic", "rich", "sqlalchemy", "ssl", "subprocess", "watchfiles"}


def all_commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(cli)
    for names in SECTIONS.values():
        for name in names:
            command = cli.get_command(context, name)
            assert command is not None
            yield name, command
            if isinstance(command, click.Group):
                yield from ((f"{name} {child}", found) for child, found in command.commands.items())


COMMANDS = dict(all_commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_json_and_debug(name: str) -> None:
    command = COMMANDS[name]
    assert re.search(r"\x08\n *Example:\n +tolv ", command.help or "")
    flags = {flag for parameter in command.params for flag in parameter.opts}
    assert {"--json", "--debug"} <= flags


@pytest.mark.parametrize("arguments", [["--help"], ["ps"]])
def test_a_command_imports_nothing_heavy(
    arguments: list[str], tolv_environment: dict[str, str], fake: Any, tmp_path: Path
) -> None:
    fake.says("GET /v1/apps/shop/environments/dev/processes", [])
    fake.says("GET /v1/apps/shop/environments/dev/maintenance", {"maintenance": None})
    done = subprocess.run(
        [sys.executable, "-P", "-X", "importtime", "-m", "tolv", *arguments],
        env=tolv_environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    imported = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "tolv.cli.main" in imported
    assert not imported & HEAVY


def test_a_module_of_the_current_directory_is_never_imported(tolv: Any, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('taken over')")
    assert tolv("version", cwd=tmp_path).returncode == 0


def test_a_misspelt_command_is_answered_with_the_right_one(tolv: Any) -> None:
    done = tolv("relases")
    assert done.returncode == 2
    assert "Did you mean 'releases'?" in done.stderr


def test_wrong_usage_in_json_mode_is_json(tolv: Any) -> None:
    done = tolv("ps", "--nonsense", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    error = json.loads(done.stderr)["error"]
    assert "--nonsense" in error["problem"]
    assert error["exit_code"] == 2


def test_version_is_said_in_both_ways(tolv: Any) -> None:
    assert tolv("--version").stdout == tolv("version").stdout
    assert json.loads(tolv("version", "--json").stdout)["version"] in tolv("--version").stdout


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    assert (ROOT / "docs" / "commands.md").read_text() == reference(), "python -m tolv.cli.reference > docs/commands.md"


@pytest.mark.parametrize(
    "arguments",
    [["version"], ["version", "--json"], ["--help"], [], ["rules", "--help"], ["rules"], ["prove", "--list", "--json"]],
    ids=" ".join,
)
def test_output_that_finds_no_room_is_one_clear_error(
    tolv_command: list[str], tolv_environment: dict[str, str], arguments: list[str]
) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*tolv_command, *arguments],
            env=tolv_environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    if "--json" in arguments:
        assert json.loads(done.stderr)["error"]["problem"].startswith("standard output cannot be written: ")
    else:
        assert done.stderr.startswith("error: standard output cannot be written: No space left on device\n  remedy: ")


@pytest.mark.parametrize("arguments", [["rules"], ["prove", "--list"], ["--help"]], ids=" ".join)
def test_a_reader_that_is_gone_ends_it_quietly(
    tolv_command: list[str], tolv_environment: dict[str, str], arguments: list[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as pipe:
        done = subprocess.run(
            [*tolv_command, *arguments], env=tolv_environment, stdout=pipe, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (141, b"")


def test_what_cannot_be_said_on_standard_error_changes_no_status(
    tolv_command: list[str], tolv_environment: dict[str, str]
) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([*tolv_command, "nonsense"], env=tolv_environment, stderr=full, check=False)
    assert done.returncode == 2


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-"])
def test_streams_that_are_closed_hold_nothing_up(
    tolv_command: list[str], tolv_environment: dict[str, str], redirection: str
) -> None:
    script = f'"$@" {redirection}'
    done = subprocess.run(
        ["bash", "-c", script, "bash", *tolv_command, "version"],
        env=tolv_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
