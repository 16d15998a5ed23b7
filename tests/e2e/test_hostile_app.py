"""A hostile app tries each way out; see `hostile_app.py` for what it tries, and docs/sandbox.md for what holds it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from e2e.machine import ROOT, Machine, alive, eventually, kill
from e2e.ordinary import ORDINARY, as_ordinary, python_for_all

HOSTILE = Path(__file__).with_name("hostile_app.py").read_text()
LIMITS = '[processes.web]\nprocesses = 40\nopen_files = 128\ntmp = "8M"\nmemory = "200M"\ncpu = 0.8\n'
#: What the kernel keeps from other users only: where all apps run as the server's user they get this, and no more.
SAME_USER = {f"list the descriptors of {whose}" for whose in ("the other", "the keeper", "the server")}
#: Landlock does not ask about modes.
SAME_USER_WITHOUT_A_VIEW = SAME_USER | {"chmod the release"}


class Ordinary(Machine):
    """A machine whose user is not root, with an interpreter that all may run."""

    def command(self, *words: str) -> list[str]:
        if os.geteuid() != 0:
            return super().command(*words)
        self._write_grants()
        return [*as_ordinary(), python_for_all(), "-P", "-m", "tolv", *words]


@pytest.fixture(scope="module", params=["default", "ordinary", "ordinary no-view", "root no-view"])
def place(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A machine with a hostile app and its victim, for each way in which Tolv is run."""
    with _place(*request.param.partition(" ")[::2]) as machine:
        yield machine


@contextmanager
def _place(user: str, switch: str) -> Iterator[Machine]:
    if user == "root" and os.geteuid() != 0:
        pytest.skip("not root")
    base = Path(tempfile.mkdtemp(prefix="hostile-"))
    base.chmod(0o755)
    (base / "projects").mkdir()
    kind = Ordinary if user == "ordinary" else Machine
    site = next(one for one in sys.path if one.endswith("site-packages"))
    machine = kind(base / "home", base / "projects", TOLV_SANDBOX=switch, PYTHONPATH=f"{ROOT / 'src'}:{site}")
    passed = {name: value for name, value in machine.environment.items() if name.startswith(("TOLV_", "PYTHONPATH"))}
    # Nothing of root's surroundings, which an ordinary user may not even look at.
    machine.environment = {
        **passed,
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(base / "person"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    (base / "person").mkdir()
    (base / "person" / "private").write_text("the operator's")
    (base / "home").mkdir(mode=0o700)
    machine._granted = {}
    machine._write_grants()
    try:
        python = python_for_all() if os.geteuid() == 0 else sys.executable
        if not python.startswith("/usr/"):
            machine.grant(readable=[sys.prefix, sys.base_prefix])
        files = {"hostile_app.py": HOSTILE, "Procfile": f"web: {python} hostile_app.py\n", "app.py": "secret = 1\n"}
        paths = [machine.app("victim", files), machine.app("hostile", {**files, "tolv.toml": LIMITS})]
        if user == "ordinary" and os.geteuid() == 0:
            subprocess.run(["chown", "-R", f"{ORDINARY}:{ORDINARY}", str(base)], check=True)
        for path in paths:
            machine.tolv("up", str(path), "-e", "prod", "--detach")
        yield machine
    finally:
        machine.close()
        shutil.rmtree(base, ignore_errors=True)


def ask(machine: Machine, path: str, order: Any) -> Any:
    """What the hostile app answers."""
    connection = http.client.HTTPConnection("127.0.0.1", machine.port, timeout=60)
    try:
        connection.request("POST", path, json.dumps(order), {"Host": f"hostile-prod.localhost:{machine.port}"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        return json.loads(answer.read())
    finally:
        connection.close()


def targets(machine: Machine, abstract: str) -> dict[str, Any]:
    """All that the hostile app must not get at, named for it."""
    row = machine.ps("victim")[0]
    records = next(one for one in (machine.home / "keeper" / "processes").iterdir() if one.name.startswith("victim"))
    spec = json.loads((records / "spec.json").read_text())
    state = machine.tolv("server", "status", "--json").json
    return {
        "home": str(machine.home),
        "log": spec["stdout"],
        "router": str(next((machine.home / "router").glob("*.sock"))),
        "release": spec["directory"],
        "tmp": spec["tmp"],
        "pipe": str(records / "out.fifo"),
        "private": str(machine.home.parent / "person" / "private"),
        "user": row["user"] or 65534,
        "pids": {"the other": row["pid"], "the keeper": state["keeper_pid"], "the server": state["pid"], "init": 1},
        "disk": "/dev/vda" if Path("/dev/vda").exists() else "/dev/sda",
        "abstract": abstract,
    }


def test_a_hostile_app_gets_nothing(place: Machine) -> None:
    abstract = f"tolv-test-{place.port}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0" + abstract)
        listener.listen()
        outcome = ask(place, "/attempts", targets(place, abstract))
    got = {name: what for name, what in outcome.items() if what is not None and not _is_only_in_its_view(what)}
    assert len(outcome) > 60
    row = place.ps("hostile")[0]
    known = set() if row["user"] else SAME_USER_WITHOUT_A_VIEW if row["off"] else SAME_USER
    assert got.keys() <= known, got


def test_without_a_sandbox_it_gets_what_its_user_may_and_that_is_said() -> None:
    """The attempts themselves are put to the test: they succeed where nothing holds them."""
    with _place("ordinary", "off") as machine:
        outcome = ask(machine, "/attempts", targets(machine, "nobody"))
        assert machine.ps("hostile")[0]["off"][0] == "sandbox"
    got = {name for name, what in outcome.items() if what is not None}
    assert {
        "read the keys",
        "read the store",
        "talk to the server",
        "talk to the keeper",
        "talk to the router",
        "chmod the release",
        "list all builds",
        "grant itself more",
        "open the other's log pipe",
        "read the other's temporary file",
        "read a file of the operator's",
        "read the environment of the other",
        "signal of the keeper",
        "gain privileges by execve",
    } <= got


def _is_only_in_its_view(what: str) -> bool:
    """It wrote a file, and none that anyone else sees: what is called so in its view lies in its private directory."""
    word, _, path = what.partition(" ")
    return word == "wrote" and not (Path(path).exists() and "owned" in Path(path).read_text(errors="replace"))


def test_a_decent_app_lacks_nothing(place: Machine) -> None:
    done = ask(place, "/needs", None)
    assert all(done.values()), done
    eventually(lambda: "to /dev/stdout by name" in place.tolv("logs", "-a", "hostile", "-e", "prod").out)
    assert "to standard error by name" in place.tolv("logs", "-a", "hostile", "-e", "prod").out


def test_processes_run_as_a_user_of_their_apps_own_never_as_root(place: Machine) -> None:
    rows = [place.ps(app)[0] for app in ("victim", "hostile")]
    uids = [Path(f"/proc/{row['pid']}").stat().st_uid for row in rows]
    assert 0 not in uids
    if rows[0]["user"] is not None:
        assert uids == [row["user"] for row in rows]
        assert uids[0] != uids[1]


def test_what_is_off_is_said(place: Machine) -> None:
    off = place.ps("victim")[0]["off"]
    assert off == (["view"] if place.environment["TOLV_SANDBOX"] else [])
    said = place.tolv("ps", "-a", "victim", "-e", "prod").out
    assert ("off: view (web.1)" in said) == bool(off)


def test_a_fork_bomb_stays_within_its_limit(place: Machine) -> None:
    if "processes limit" in place.ps("hostile")[0]["off"]:
        pytest.skip("this machine counts no processes by tree")
    assert 0 < ask(place, "/bomb", 200) < 40
    assert place.get("victim-prod").status == 200


def test_a_temporary_directory_holds_what_it_may(place: Machine) -> None:
    if "tmp limit" in place.ps("hostile")[0]["off"]:
        pytest.skip("it needs a view of its own")
    assert 7 << 20 <= ask(place, "/fill", 64 << 20) <= 8 << 20


def test_a_process_that_takes_more_memory_than_it_may_is_said_to_have(place: Machine) -> None:
    if "memory limit of the tree" in place.ps("hostile")[0]["off"]:
        pytest.skip("this machine counts no memory by tree")
    with pytest.raises((AssertionError, OSError)):
        ask(place, "/grow", 400 << 20)
    eventually(lambda: "out of memory" in (place.ps("hostile")[0]["reason"] or ""))
    eventually(lambda: place.ps("hostile")[0]["state"] == "ready")


def test_a_stray_that_hid_itself_ends_with_its_app(place: Machine) -> None:
    if "view" in place.ps("hostile")[0]["off"] and (os.geteuid() != 0 or isinstance(place, Ordinary)):
        pytest.skip("without control groups a process that hides needs a view to be known by (docs/keeper.md)")
    ask(place, "/stray", None)
    [pid] = eventually(lambda: _named(b"stray-of-hostile"))
    uid = Path(f"/proc/{pid}").stat().st_uid
    assert uid != 0
    place.tolv("down", "-a", "hostile", "-e", "prod")
    try:
        assert not alive(pid)
    finally:
        kill(pid)
    assert list((place.home / "tmp").glob("hostile*")) == []
    place.tolv("restart", "-a", "hostile", "-e", "prod")


def _named(name: bytes) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cmdline").read_bytes().startswith(name):
                found.append(int(entry.name))
        except OSError:
            continue
    return found
