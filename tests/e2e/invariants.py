"""What must hold on a machine whatever was done to it, once it has come to rest."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from e2e.machine import Machine, eventually

from tolv.run.keeper.main import home_name

Row = dict[str, Any]


def check(machine: Machine) -> None:
    """Wait until the machine is at rest, and hold it to everything that must be true then. A server must run."""
    eventually(lambda: next(wrongs(machine), None) is None, _Wrongs(machine))


class _Wrongs(str):
    """Said when it is asked for: what was wrong at the end of the wait."""

    def __new__(cls, machine: Machine) -> _Wrongs:
        made = super().__new__(cls, "the machine does not come to rest")
        made.machine = machine
        return made

    machine: Machine

    def __str__(self) -> str:
        return "; ".join(wrongs(self.machine)) + "\n" + self.machine.server_log()

    __repr__ = __str__


def wrongs(machine: Machine) -> Iterator[str]:
    """Everything that does not hold just now, in words."""
    deploys = [
        (app["app"], one["environment"], one["running"], one["formation"])
        for app in machine.api("/apps")
        for one in app["environments"]
    ]
    everyone: list[Row] = []
    for app, environment, running, formation in deploys:
        rows = machine.api(f"/apps/{app}/environments/{environment}/processes")
        everyone += rows
        yield from _deploy(machine, app, environment, running, formation, [row for row in rows if row["type"] != "run"])
    yield from _records(machine, everyone)
    yield from _store(machine.home / "store.db")
    yield from _routes(machine, everyone)


def _deploy(
    machine: Machine, app: str, environment: str, running: bool, formation: dict[str, int], rows: list[Row]
) -> Iterator[str]:
    where = f"{app} in {environment}"
    path = f"/apps/{app}/environments/{environment}"
    releases = machine.api(f"{path}/releases")
    live = [one["release"] for one in releases if one["status"] == "live"]
    if len(live) > 1:
        yield f"{where} has {len(live)} live releases"
    if any(one["status"] == "pending" for one in releases):
        yield f"a release of {where} is pending"
    if not machine.api(f"{path}/releases/verify")["ok"]:
        yield f"the chain of {where} does not verify"
    if any(row["state"] != "ready" or [row["release"]] != live for row in rows):
        yield f"{where} has {[(row['process'], row['release'], row['state'], row['reason']) for row in rows]}"
    counts = formation if running and live else {}
    wanted = sorted(f"{name}.{number}" for name, count in counts.items() for number in range(1, count + 1))
    if sorted(row["process"] for row in rows) != wanted:
        yield f"{where} should have {wanted}, and has {sorted(row['process'] for row in rows)}"


def _records(machine: Machine, rows: list[Row]) -> Iterator[str]:
    """One record, one directory, one port for each process, and no more; nobody outside of them."""
    kept = {path.name for path in (machine.home / "keeper" / "processes").iterdir()}
    servers = {one for one in kept if one.startswith("service-")}
    if len(kept - servers) != len(rows):
        yield f"the keeper has {len(kept - servers)} records for {len(rows)} processes"
    services = [one for one in machine.api("/services") if one["local"]]
    if len(servers) != sum(one["state"] != "stopped" for one in services) or any(
        one["state"] != ("ready" if one["users"] else "stopped") for one in services
    ):
        yield f"services: {[(one['name'], one['state'], one['users']) for one in services]}; records: {sorted(servers)}"
    scratch = {path.name for path in (machine.home / "tmp").iterdir()}
    if scratch != kept:
        yield f"temporary directories: {sorted(scratch)}; records: {sorted(kept)}"
    if left := sorted(path.name for path in (machine.home / "work").iterdir()):
        yield f"left in work: {left}"
    ports = [row["port"] for row in rows if row["port"]]
    if len(set(ports)) != len(ports):
        yield f"a port is given twice: {ports}"
    for pid, owner in _marked(home_name(str(machine.home / "keeper"))):
        if owner not in kept:
            yield f"pid {pid} belongs to {owner}, whom the keeper does not know"


def _marked(home: str) -> Iterator[tuple[int, str]]:
    """Processes that carry this home's cookie, and whose it is."""
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        for variable in variables:
            name, _, value = variable.partition(b"=")
            process, _, where = os.fsdecode(value).rpartition("@")
            if name == b"TOLV_PROCESS_ID" and where == home:
                yield int(entry.parent.name), process


def _store(path: Path) -> Iterator[str]:
    """No operation is open, no candidate is left, no one-off runs on in the books."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as store:
        for what, query in (
            ("open operations", "SELECT kind, phase FROM operations WHERE finished IS NULL"),
            ("candidates", "SELECT app, environment FROM deploys WHERE candidate_release IS NOT NULL"),
            ("one-offs without an end", "SELECT process FROM one_offs WHERE exit IS NULL"),
        ):
            if rows := store.execute(query).fetchall():
                yield f"{what}: {rows}"


def _routes(machine: Machine, rows: list[Row]) -> Iterator[str]:
    """The router's table has the ready web processes, and nobody else."""
    path = machine.home / "router" / "table.json"
    table = json.loads(path.read_bytes()) if path.exists() else {"routes": []}
    routed = sorted(one["port"] for route in table["routes"] for one in route["upstreams"])
    web = sorted(row["port"] for row in rows if row["type"] == "web")
    if routed != web:
        yield f"routed are the ports {routed}, web processes have {web}"
