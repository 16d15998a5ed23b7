"""`tolv drill`: it does what it says, counts what it says, and leaves all as it was."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from e2e.disk import AS_ROOT, small_disk
from e2e.machine import Machine, alive, eventually

Fresh = Callable[..., Machine]
SHOP = ("-a", "shop", "-e", "staging")
FILES = {"Procfile": f"web: {sys.executable} app.py\nworker: sleep 1000\n"}


def faults(bill: Any) -> dict[str, Any]:
    return {one["fault"]: one for one in bill["faults"]}


def pids(machine: Machine) -> dict[str, Any]:
    state = machine.tolv("server", "status", "--json").json
    return {"server": state["pid"], "keeper": state["keeper_pid"], "router": state["router_pids"]}


def nothing_left_of_it(machine: Machine) -> bool:
    """The formation is ready, and the drill's own one-off is gone."""
    rows = machine.ps("shop", "staging")
    return [(row["process"], row["state"]) for row in rows] == [("web.1", "ready"), ("worker.1", "ready")]


@pytest.mark.timeout(180)
def test_a_drill_kills_what_it_names_and_an_app_that_bears_it_gets_a_clean_bill(fresh: Fresh) -> None:
    machine = fresh()
    machine.deploy(machine.app("shop", FILES), "staging")
    before, processes = pids(machine), {row["process"]: row["pid"] for row in machine.ps("shop", "staging")}
    words = ("--only", "process,keeper,server,router", "--duration", "1", "--yes", "--json")
    found = machine.tolv("drill", *SHOP, *words, ok=False)
    assert (found.code, found.err) == (0, "")
    rows = faults(found.json)
    assert list(rows) == ["before", "process", "keeper", "server", "router", "after"]
    assert found.json["clean"]
    for one in rows.values():
        assert (one["failed"], one["lines_lost"], one["problems"]) == (0, 0, [])
        assert one["sent"] > 0
        assert one["lines_kept"] > 0 or one["fault"] == "after"
    assert all(rows[name]["recovery_s"] is not None for name in ("process", "keeper", "server", "router"))
    after = pids(machine)
    assert all(before[name] != after[name] for name in before)
    rows_after = {row["process"]: row["pid"] for row in machine.ps("shop", "staging")}
    assert all(rows_after[name] not in (None, pid) for name, pid in processes.items())
    eventually(lambda: nothing_left_of_it(machine))
    assert machine.get("shop-staging").status == 200, "on the same port as before"


def test_an_app_that_does_not_bear_it_is_told_so(fresh: Fresh) -> None:
    """It has state of its own: once killed, it answers no more as it did."""
    machine = fresh()
    mark = machine.projects / "was-here"
    start = f"import os; os.path.exists({str(mark)!r}) and os.environ.update(BROKEN='1'); open({str(mark)!r}, 'w')\n"
    path = machine.app("shop", FILES)
    text = (path / "app.py").read_text()
    broken = text.replace(
        "200 if url.path", "(500 if 'BROKEN' in os.environ and 'X-Request-ID' in self.headers else 200) if url.path"
    )
    machine.commit(path, {"app.py": start + broken})
    machine.deploy(path, "staging")
    found = machine.tolv("drill", *SHOP, "--only", "process", "--duration", "1", "--yes", "--json", ok=False)
    assert found.code == 1
    assert "process" in json.loads(found.err)["error"]["problem"]
    row = faults(found.json)["process"]
    assert (row["verdict"], found.json["clean"]) == ("fell short", False)
    assert row["failed"] > 0
    assert "500" in row["problems"][0]
    eventually(lambda: nothing_left_of_it(machine))


def test_a_page_that_fails_anyway_proves_nothing_and_nothing_is_killed(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name), "staging")
    before = pids(machine)
    words = ("-a", name, "-e", "staging", "--path", "/slow?s=x", "--duration", "1", "--yes")
    found = machine.tolv("drill", *words, ok=False)
    assert found.code == 1
    assert "without any fault" in found.err
    assert "--path" in found.err
    assert pids(machine) == before
    eventually(lambda: [row["process"] for row in machine.ps(name, "staging")] == ["web.1"])


def test_nothing_is_killed_unless_somebody_wants_it(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name))
    before, rows = pids(machine), machine.ps(name)
    for words, code, said in [
        (("-e", "prod"), 2, "--yes"),
        (("--yes",), 2, "-e prod"),
        (("-e", "prod", "--json"), 2, "--yes"),
        (("-e", "prod", "--yes", "--only", "kepeer"), 2, "keeper"),
        (("-e", "prod", "--yes", "--only", "service"), 2, "not applicable"),
        (("-e", "prod", "--yes", "--path", "health"), 2, "--path /"),
        (("-e", "prod", "--yes", "--duration", "0"), 2, "duration"),
        (("-e", "staging", "--yes"), 2, "staging"),
    ]:
        found = machine.tolv("drill", "-a", name, *words, ok=False)
        assert found.code == code, words
        assert said in found.err, words
    plan = machine.tolv("drill", "-a", name, "--dry-run")
    assert f"pid {before['keeper']}" in plan.out
    assert f"web.1 (pid {rows[0]['pid']})" in plan.out
    listed = machine.tolv("drill", "-a", name, "--dry-run", "--json").json["faults"]
    assert [one["fault"] for one in listed] == ["process", "keeper", "server", "router", "tolv", "tmp"]
    assert pids(machine) == before
    assert [row["pid"] for row in machine.ps(name)] == [row["pid"] for row in rows]


def test_an_interrupted_drill_leaves_all_as_it_was(fresh: Fresh) -> None:
    machine = fresh()
    machine.deploy(machine.app("shop", FILES), "staging")
    server = pids(machine)["server"]
    drilling = machine.start("drill", *SHOP, "--only", "server", "--duration", "2", "--yes")
    eventually(lambda: not alive(server), "the server is not killed")
    drilling.send_signal(signal.SIGINT)
    drilling.communicate(timeout=60)
    assert drilling.returncode == 130
    assert machine.api("/server")["pid"] != server, "a server serves again, without anybody's doing"
    eventually(lambda: nothing_left_of_it(machine))
    assert machine.get("shop-staging").status == 200


@AS_ROOT
def test_a_full_temporary_directory_is_borne_and_given_back(tmp_path: Path) -> None:
    (tmp_path / "projects").mkdir()
    with small_disk(tmp_path / "home", "size=30m"):
        machine = Machine(tmp_path / "home", tmp_path / "projects")
        try:
            machine.deploy(machine.app("shop", FILES), "staging")
            free = os.statvfs(machine.home).f_bavail
            found = machine.tolv("drill", *SHOP, "--only", "tmp", "--duration", "1", "--yes", "--json", ok=False)
            assert (found.code, found.err) == (0, "")
            row = faults(found.json)["tmp"]
            assert (row["verdict"], row["failed"]) == ("clean", 0)
            # The line that the disk ended in counts as lost in the log, and may be whole all the same.
            assert 0 < row["lines_lost"] <= row["lines_announced"] <= row["lines_lost"] + 1
            assert os.statvfs(machine.home).f_bavail > free * 0.9
            eventually(lambda: nothing_left_of_it(machine))
        finally:
            machine.close()
    assert machine.survivors() == []
