"""Config by reference: read for each release from where it lies, held by the release, and shown by nobody."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.machine import Machine, Result, alive, eventually

SECRET = "correct-horse-battery-staple"
OP = "op://prod/guestbook/token"


class Store:
    """A store of secrets whose tool is on the PATH of the machine's server."""

    def __init__(self, directory: Path, make: Callable[..., Machine]) -> None:
        self.tools = directory / "tools"
        self.tools.mkdir()
        self.holds(SECRET)
        self.machine = make(
            PATH=f"{self.tools}:{os.environ['PATH']}", TOLV_REFERENCE_DEADLINE="3", STORED="in-the-server"
        )

    def holds(self, value: str) -> None:
        (self.tools / "value").write_text(value)
        self.does(f'test "$1 $2" = "read --no-newline" && cat {self.tools}/value')

    def does(self, script: str, tool: str = "op") -> None:
        (self.tools / tool).write_text(f'#!/bin/sh\necho "$@" >> {self.tools}/asked\n{script}\n')
        (self.tools / tool).chmod(stat.S_IRWXU)

    @property
    def asked(self) -> int:
        asked = self.tools / "asked"
        return len(asked.read_text().splitlines()) if asked.exists() else 0

    def config(self, name: str, *words: str, ok: bool = True) -> Result:
        return self.machine.tolv("config", *words, "-a", name, "-e", "prod", ok=ok)

    def env(self, name: str) -> dict[str, str]:
        env: dict[str, str] = self.machine.get(f"{name}-prod").json["env"]
        return env


@pytest.fixture
def store(tmp_path: Path, fresh: Callable[..., Machine]) -> Store:
    return Store(tmp_path, fresh)


def test_a_value_is_read_for_the_release_and_told_to_nobody(store: Store, name: str) -> None:
    machine = store.machine
    path = machine.app(name)
    said = [machine.tolv("config", "set", "--from", f"TOKEN={OP}", "-e", "prod", cwd=path)]
    assert store.config(name).out.split("\n")[1] == f"TOKEN  {OP} (read when the next release is made)"
    assert store.config(name, "get", "TOKEN", ok=False).code == 2
    said.append(machine.tolv("deploy", str(path), "-e", "prod"))
    assert store.env(name)["TOKEN"] == SECRET
    said += [store.config(name), store.config(name, "--json"), store.config(name, "check")]
    said += [store.config(name, "export"), store.config(name, "export", "--format", "shell")]
    said.append(store.config(name, "export", "--format", "json"))
    said.append(machine.tolv("releases", "-a", name, "-e", "prod", "--json"))
    assert f"{OP} (resolved, hash " in store.config(name).out
    assert "TOKEN is left out" in said[-3].err + said[-4].err
    for result in said:
        assert SECRET not in result.out + result.err
    assert SECRET not in machine.server_log()
    for file in machine.home.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file
    assert SECRET in store.config(name, "--reveal").out
    assert store.config(name, "get", "TOKEN").out == f"{SECRET}\n"


def test_every_kind_of_reference_is_read_and_a_value_that_looks_like_one_is_a_value(store: Store, name: str) -> None:
    store.does('test "$1 $2 $3 $4" = "kv get -field=key secret/app" && printf of-vault', "vault")
    file = store.tools / "file"
    file.write_text("of-a-file\n")
    path = store.machine.app(name)
    store.machine.deploy(path)
    plain = {"A": "file:db.sqlite3?mode=ro", "B": "op://a/b/c", "C": "env:HOME", "D": f"file:{file}"}
    references = {"E": f"file:{file}", "F": "env:STORED", "G": "vault:secret/app#key", "H": OP}
    words = [f"{key}={value}" for key, value in plain.items()]
    words += [word for key, value in references.items() for word in ("--from", f"{key}={value}")]
    store.config(name, "set", *words)
    env = store.env(name)
    assert {key: env[key] for key in plain} == plain
    assert [env[key] for key in references] == ["of-a-file", "in-the-server", "of-vault", SECRET]
    assert store.machine.releases(name)[0]["description"] == "Set A, B, C, D, E, F, G, H"
    assert store.config(name, "set", "--from", "E=elsewhere", ok=False).code == 2
    assert store.config(name, "set", "E=1", "--from", f"E={OP}", ok=False).code == 2
    assert store.config(name, "set", "--from", f"PORT={OP}", ok=False).code == 2
    store.config(name, "set", "E=plain-again")
    assert store.env(name)["E"] == "plain-again"


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (f"echo {SECRET}; echo {SECRET} >&2; exit 1", "`op` ended with exit status 1"),
        (f"echo {SECRET}; exec sleep 1000", "`op` did not answer within 3 s"),
        (f"printf '{SECRET}\\377\\376'", "it is not UTF-8"),
        (f"yes {SECRET} | head -c 1048576", "printed more than a variable can hold"),
        ("true", "it is empty"),
    ],
)
def test_a_store_that_does_not_answer_is_one_error_and_the_old_release_serves_on(
    store: Store, name: str, script: str, problem: str
) -> None:
    machine = store.machine
    path = deployed(store, name)
    before = hashes(machine, name)
    store.does(script)
    machine.greet(path, "later")
    for words in (("deploy", str(path), "-e", "prod"), ("config", "set", "OTHER=1", "-a", name, "-e", "prod")):
        result = machine.tolv(*words, ok=False)
        assert result.code == 3
        assert "TOKEN cannot be read: " in result.err
        assert problem in result.err
        assert OP in result.err
        assert SECRET not in result.out + result.err + machine.server_log()
    checked = store.config(name, "check", ok=False)
    assert (checked.code, SECRET in checked.out + checked.err) == (1, False)
    assert "error    TOKEN cannot be read" in checked.out
    assert hashes(machine, name) == before
    assert store.env(name)["TOKEN"] == SECRET
    assert "OTHER" not in store.config(name, "--json").json


def test_what_a_release_holds_outlives_the_store(store: Store, name: str) -> None:
    machine = store.machine
    path = deployed(store, name)
    store.holds("another-secret-by-now")
    machine.greet(path, "later")
    machine.deploy(path)
    assert store.env(name)["TOKEN"] == "another-secret-by-now"
    store.does("exit 1")
    asked = store.asked
    machine.tolv("restart", "-a", name, "-e", "prod")
    assert store.env(name)["TOKEN"] == "another-secret-by-now"
    machine.tolv("rollback", "v1", "-a", name, "-e", "prod")
    assert store.env(name)["TOKEN"] == SECRET
    machine.kill_server()
    (pid,) = [row["pid"] for row in machine.ps(name)]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not alive(pid))
    eventually(lambda: machine.get(f"{name}-prod").status == 200)
    assert store.env(name)["TOKEN"] == SECRET
    machine.tolv("down", "-a", name, "-e", "prod")
    machine.tolv("restart", "-a", name, "-e", "prod")
    assert store.env(name)["TOKEN"] == SECRET
    assert store.asked == asked


def test_the_same_reference_is_set_again_to_read_it_again(store: Store, name: str) -> None:
    machine = store.machine
    deployed(store, name)
    again = ("set", "--from", f"TOKEN={OP}")
    assert "nothing changes" in store.config(name, *again).out
    assert len(machine.releases(name)) == 1
    store.holds("rotated-since-then")
    store.config(name, *again)
    assert store.env(name)["TOKEN"] == "rotated-since-then"
    assert len(machine.releases(name)) == 2


def test_what_a_reference_gives_must_fit_the_schema_too(store: Store, name: str) -> None:
    machine = store.machine
    path = deployed(store, name)
    machine.commit(path, {".env.example": "TOKEN= # url, secret\n"})
    result = machine.tolv("deploy", str(path), "-e", "prod", ok=False)
    assert result.code == 1
    assert "TOKEN is not a URL" in result.err
    assert SECRET not in result.out + result.err
    assert store.config(name, "check", str(path), ok=False).code == 1
    store.holds("https://example.org/token")
    machine.deploy(path)
    assert store.env(name)["TOKEN"] == "https://example.org/token"


def test_each_environment_has_references_of_its_own(store: Store, name: str) -> None:
    machine = store.machine
    deployed(store, name)
    machine.tolv("config", "set", "TOKEN=plain", "-a", name, "-e", "staging")
    machine.tolv("promote", "prod", "staging", "-a", name)
    assert machine.get(f"{name}-staging").json["env"]["TOKEN"] == "plain"
    found = machine.tolv("config", "diff", "prod", "staging", "-a", name, "--json")
    assert found.json["different"] == ["TOKEN"]
    assert SECRET not in found.out
    machine.tolv("config", "set", f"TOKEN={SECRET}", "-a", name, "-e", "staging")
    assert machine.tolv("config", "diff", "prod", "staging", "-a", name, "--json").json["same"] == ["TOKEN"]
    compared = machine.tolv("parity", "staging", "prod", "-a", name, "--json", ok=False)
    assert SECRET not in compared.out
    assert "TOKEN is the same in both" in compared.out


def test_up_reads_a_reference_only_for_a_release(store: Store, name: str) -> None:
    machine = store.machine
    path = machine.app(name)
    machine.tolv("config", "set", "--from", f"TOKEN={OP}", "-e", "dev", cwd=path)
    for _ in range(2):
        machine.tolv("up", str(path), "--detach")
        assert machine.get(name).json["env"]["TOKEN"] == SECRET
    assert store.asked == 1
    machine.tolv("down", "-a", name, "-e", "dev")
    store.does("exit 1")
    machine.tolv("up", str(path), "--detach")
    assert machine.get(name).json["env"]["TOKEN"] == SECRET


def deployed(store: Store, name: str) -> Path:
    path = store.machine.app(name)
    store.machine.tolv("config", "set", "--from", f"TOKEN={OP}", "-e", "prod", cwd=path)
    store.machine.deploy(path)
    return path


def hashes(machine: Machine, name: str) -> list[tuple[str, str]]:
    return [(one["release"], one["hash"]) for one in machine.releases(name)]
