"""A full disk fails what is new, cleanly; what runs goes on, and all is well again once there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e.load import Load
from e2e.machine import Machine, Result, eventually, kill

KIB = 1 << 10


class SmallDisk:
    """A file system of its own, whose free space can be chosen."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ballast = root / "ballast"

    @property
    def free(self) -> int:
        found = os.statvfs(self.root)
        return found.f_bavail * found.f_frsize

    def leave(self, size: int) -> None:
        """Fill the disk until this much is free, or empty it so far."""
        self._ballast.touch()
        with self._ballast.open("r+b") as file:
            # What others write or free meanwhile is made up for in the next round.
            for _ in range(50):
                surplus = self.free - size
                if abs(surplus) < 4 * KIB:
                    return
                end = max(0, self._ballast.stat().st_size + surplus)
                if surplus < 0:
                    file.truncate(end)
                else:
                    os.posix_fallocate(file.fileno(), 0, end)

    def empty(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Below the home of the first machine that the test makes."""
    home = tmp_path / "m0" / "home"
    home.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "tolv-test", str(home)]
    if os.getuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        yield SmallDisk(home)
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)


def leftovers(machine: Machine) -> list[str]:
    """What a build that failed must not leave: scratch, half a blob, half an index."""
    images = machine.home / "images"
    places = [*(machine.home / "work").iterdir(), *(images / "blobs").glob(".*"), *images.glob(".index.json.*")]
    return [str(path.relative_to(machine.home)) for path in places]


def deploy(machine: Machine, path: Path) -> Result:
    """Deploy once the operation before, whose end a full disk did not take, is written down as over."""

    def attempt() -> Result | None:
        result = machine.tolv("deploy", str(path), "-e", "prod", ok=False)
        return None if "is busy" in result.err else result

    return eventually(attempt) or Result(-1, "", "")


def test_a_deploy_without_room_fails_cleanly_wherever_it_runs_out(
    disk: SmallDisk, fresh: Callable[..., Machine], name: str
) -> None:
    machine = fresh()
    path = machine.app(name)
    machine.deploy(path)
    noise = os.urandom(200 * KIB).hex()  # 400 KiB: its tree, its blob and its place each may be what does not fit
    with Load(machine.port, f"{name}-prod.localhost", threads=2) as load:
        for number, free in enumerate((0, 16, 64, 300, 500, 900)):
            machine.commit(path, {"noise": f"{number}{noise}"})
            disk.leave(free * KIB)
            failed = deploy(machine, path)
            assert failed.code == 3, failed.err
            assert "space" in failed.err or "full" in failed.err
            assert "→" in failed.err or "free some" in failed.err, "it says what to do"
            assert "Traceback" not in failed.err
            assert [row["state"] for row in machine.ps(name)] == ["ready"]
            eventually(lambda: not leftovers(machine), f"left: {leftovers(machine)}")
        assert machine.releases(name)[-1]["status"] == "live"
        disk.empty()
        assert deploy(machine, path).code == 0
    assert load.failures == []
    assert load.answered > 0
    restorable = [row["release"] for row in machine.releases(name) if row["restorable"]]
    assert "v1" in restorable
    machine.tolv("rollback", "v1", "-a", name, "-e", "prod")
    assert machine.get(f"{name}-prod").json["env"]["TOLV_RELEASE"] == machine.releases(name)[0]["release"]


def test_the_server_and_a_process_come_back_on_a_full_disk_and_change_nothing_by_halves(
    disk: SmallDisk, fresh: Callable[..., Machine], name: str
) -> None:
    machine = fresh()
    path = machine.app(name)
    machine.deploy(path)
    before = machine.ps(name)[0]["pid"]
    disk.leave(0)
    machine.kill_server()
    assert machine.get(f"{name}-prod").status == 200, "the router needs no server"
    assert [row["pid"] for row in machine.ps(name)] == [before], "a new server finds it again"
    # A server that comes back makes what room it can: a command is refused in full, or done in full.
    at_first = machine.releases(name)[0]["release"]
    config = machine.tolv("config", "set", "COLOUR=blue", "-a", name, "-e", "prod", ok=False)
    live = next(row["release"] for row in machine.releases(name) if row["status"] == "live")
    assert (config.code == 0) == (live != at_first), config.err
    scaled = machine.tolv("scale", "web=2", "-a", name, "-e", "prod", ok=False)
    formation = machine.tolv("scale", "-a", name, "-e", "prod", "--json").json
    assert formation["web"] == (2 if scaled.code == 0 else 1), scaled.err
    assert {config.code, scaled.code} <= {0, 1, 3}
    assert "Traceback" not in config.err + scaled.err
    before = machine.ps(name)[0]["pid"]
    kill(before)
    eventually(lambda: machine.ps(name)[0]["pid"] != before)
    disk.empty()
    eventually(lambda: [row["state"] for row in machine.ps(name)] in (["ready"], ["ready", "ready"]))
    assert machine.get(f"{name}-prod").status == 200
    machine.tolv("config", "set", "COLOUR=red", "-a", name, "-e", "prod")
    assert machine.get(f"{name}-prod").json["env"]["COLOUR"] == "red"
