"""Config: byte-exact, masked, and a release with each change."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from e2e.machine import Machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

VALUES = [
    "hello world",
    "a#b",
    "it's",
    'say "hi"',
    "$HOME and `id` and $(id)",
    "two\nlines\n",
    " spaces around ",
    "\\n is two characters",
    "smörgåsbord 🍣",
    "",
    "=",
    "\t",
]


def test_any_value_reaches_the_process_and_comes_back_byte_for_byte(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    pairs = [f"V{number}={value}" for number, value in enumerate(VALUES)]
    machine.tolv("config", "set", *pairs, "-a", name, "-e", "prod")
    env = machine.get(f"{name}-prod").json["env"]
    for number, value in enumerate(VALUES):
        assert env[f"V{number}"] == value
        assert machine.tolv("config", "get", f"V{number}", "-a", name, "-e", "prod").out == value + "\n"


def test_an_export_imported_elsewhere_is_the_same(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    machine.tolv("config", "set", *(f"V{n}={value}" for n, value in enumerate(VALUES)), "-a", name, "-e", "prod")
    exported = machine.tolv("config", "export", "-a", name, "-e", "prod").out
    file = machine.projects / f"{name}.env"
    file.write_text(exported)
    machine.tolv("config", "import", str(file), "-a", name, "-e", "copy")
    difference = machine.tolv("config", "diff", "prod", "copy", "-a", name, "--json").json
    assert len(difference["same"]) == len(VALUES)
    assert (difference["only_left"], difference["only_right"], difference["different"]) == ([], [], [])


def test_values_are_masked_and_encrypted_at_rest(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name))
    secret = "correct-horse-battery-staple"
    said = machine.tolv("config", "set", f"TOKEN={secret}", "-a", name, "-e", "prod")
    listed = machine.tolv("config", "-a", name, "-e", "prod", "--json")
    human = machine.tolv("config", "-a", name, "-e", "prod")
    assert "TOKEN" in listed.json
    for output in (said.out, said.err, listed.out, human.out, machine.server_log()):
        assert secret not in output
    for folder, _, files in os.walk(machine.home):
        for file in files:
            path = Path(folder, file)
            assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def test_a_change_makes_a_release_and_a_rolling_restart_and_no_change_makes_none(machine: Machine, name: str) -> None:
    path = machine.app(name)
    build = machine.deploy(path)["build"]
    made = machine.tolv("config", "set", "A=1", "B=2", "-a", name, "-e", "prod", "--json").json
    assert made["release"] == "v2"
    assert machine.releases(name)[0]["build"] == build
    assert machine.releases(name)[0]["description"] == "Set A, B"
    machine.tolv("config", "set", "A=1", "-a", name, "-e", "prod")
    assert machine.releases(name)[0]["release"] == "v2"
    machine.tolv("config", "unset", "A", "-a", name, "-e", "prod")
    assert "A" not in machine.get(f"{name}-prod").json["env"]
    assert machine.tolv("config", "unset", "A", "-a", name, "-e", "prod", ok=False).code == 2


def test_a_required_variable_cannot_be_unset(machine: Machine, name: str) -> None:
    path = machine.app(name, {".env.example": "COLOUR=\nSIZE=9\n"})
    assert machine.tolv("deploy", str(path), "-e", "prod", ok=False).code == 1
    machine.tolv("config", "set", "COLOUR=blue", "-a", name, "-e", "prod")
    machine.deploy(path)
    assert machine.get(f"{name}-prod").json["env"]["SIZE"] == "9"
    result = machine.tolv("config", "unset", "COLOUR", "-a", name, "-e", "prod", ok=False)
    assert result.code == 1
    assert "COLOUR" in result.err
    assert machine.tolv("config", "get", "COLOUR", "-a", name, "-e", "prod").out == "blue\n"


@pytest.mark.parametrize("assignment", ["PORT=80", "TOLV_RELEASE=v9", "PATH=/bin", "1A=x", "A B=x", "novalue"])
def test_a_variable_that_cannot_be_is_refused_and_changes_nothing(machine: Machine, name: str, assignment: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    result = machine.tolv("config", "set", assignment, "-a", name, "-e", "prod", ok=False)
    assert result.code == 2
    assert machine.tolv("config", "-a", name, "-e", "prod", "--json").json == {}


def test_a_failed_config_change_leaves_the_config_as_it_was(machine: Machine, name: str) -> None:
    path = machine.app(name, {"Procfile": 'web: test "$MODE" != bad && exec ' + _python() + " app.py\n"})
    machine.deploy(path)
    result = machine.tolv("config", "set", "MODE=bad", "-a", name, "-e", "prod", ok=False)
    assert result.code == 1
    assert machine.tolv("config", "-a", name, "-e", "prod", "--json").json == {}
    assert machine.get(f"{name}-prod").status == 200


def test_env_files_never_enter_a_build(machine: Machine, name: str) -> None:
    path = machine.app(name, {".env": "LEAKED=very-secret-value\n"})
    machine.deploy(path)
    assert "LEAKED" not in machine.get(f"{name}-prod").json["env"]
    for file in (machine.home / "images").rglob("*"):
        assert not file.is_file() or b"very-secret-value" not in file.read_bytes()


def _python() -> str:
    import sys

    return sys.executable


#: Whatever a variable can hold: any text of UTF-8 without NUL. An argument and a variable have bounds of their own.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,30}", fullmatch=True).map(lambda name: f"V_{name}")


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(values=st.dictionaries(NAMES, TEXTS, min_size=20, max_size=60))
def test_any_config_comes_back_byte_for_byte_and_so_does_its_export(
    shared_machine: Machine, values: dict[str, str]
) -> None:
    machine = shared_machine
    deploy = ("-a", _app_for_fuzzing(machine), "-e", "fuzz")
    before = machine.tolv("config", "export", "--format", "json", *deploy).json
    if before:
        machine.tolv("config", "unset", *before, *deploy)
    machine.tolv("config", "set", *deploy, "--", *(f"{name}={value}" for name, value in values.items()))
    assert machine.tolv("config", "export", "--format", "json", *deploy).json == values
    exported = _printed(machine, "config", "export", *deploy)
    shell = _printed(machine, "config", "export", "--format", "shell", *deploy)
    echo = "import json, os, sys; print(json.dumps({name: os.environ[name] for name in sys.argv[1:]}))"
    command = ["sh", "-c", shell + b'\nexec "$0" "$@"', _python(), "-c", echo, *values]
    assert json.loads(subprocess.run(command, capture_output=True, check=True).stdout) == values
    machine.tolv("config", "unset", *values, *deploy)
    (machine.projects / "fuzzed.env").write_bytes(exported)
    machine.tolv("config", "import", str(machine.projects / "fuzzed.env"), *deploy)
    assert machine.tolv("config", "export", "--format", "json", *deploy).json == values


def _app_for_fuzzing(machine: Machine) -> str:
    """An app that was never deployed: its config is set without a release each time."""
    name = "fuzzed"
    if not (machine.projects / name).exists():
        machine.tolv("config", "set", "FIRST=1", "-e", "fuzz", cwd=machine.app(name))
    return name


def _printed(machine: Machine, *words: str) -> bytes:
    """Standard output byte for byte: text would have its line ends translated."""
    return subprocess.run(machine.command(*words), env=machine.environment, capture_output=True, check=True).stdout
