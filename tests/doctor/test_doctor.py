"""The doctor tells facts, changes nothing, and always says what to do."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tolv.doctor import Check, examine
from tolv.doctor.check import in_bytes
from tolv.doctor.tools import find_pythons
from tolv.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that this very process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def check(home: Home, name: str, port: int = 0) -> Check:
    return next(one for one in examine(home, port) if one.name == name)


def program(path: Path, output: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{output}'\n")
    path.chmod(0o755)


def test_whatever_is_not_well_comes_with_what_to_do(home: Home) -> None:
    checks = examine(home, 0)
    assert len({one.name for one in checks}) == len(checks)
    for one in checks:
        assert one.detail
        assert (one.remedy is None) == (one.status == "ok"), one


def test_examining_a_machine_changes_nothing(home: Home, tmp_path: Path) -> None:
    examine(home, 0)
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_needs_nothing_but_the_standard_library() -> None:
    program = (
        "import sys; before = set(sys.modules); import tolv.doctor; "
        "print(sorted({one.partition('.')[0] for one in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['tolv']"


def test_a_free_port_is_well(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert check(home, "port", port) == Check("port", "ok", f"{port} is free")


def test_a_taken_port_names_who_has_it(home: Home, taken_port: int) -> None:
    found = check(home, "port", taken_port)
    assert found.status == "fail"
    assert f"(pid {os.getpid()})" in found.detail
    assert "TOLV_PORT" in (found.remedy or "")


def test_a_port_that_is_held_on_all_addresses_is_taken_too(home: Home) -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        assert f"(pid {os.getpid()})" in check(home, "port", listener.getsockname()[1]).detail


def test_a_port_that_this_homes_router_has_is_well(home: Home, taken_port: int) -> None:
    home.make()
    (home.router / "router-0.json").write_text(json.dumps({"pid": os.getpid()}))
    found = check(home, "port", taken_port)
    assert (found.status, found.detail) == ("ok", f"{taken_port} is this home's router's (pid {os.getpid()})")


def test_a_number_that_is_no_port_is_refused(home: Home) -> None:
    assert check(home, "port", 70_000).status == "fail"


def test_a_home_that_is_not_there_yet_is_well_when_it_can_be_made(home: Home) -> None:
    assert check(home, "home") == Check("home", "ok", f"{home.root}, not made yet")


def test_a_home_that_others_can_look_into_is_told(home: Home) -> None:
    home.make()
    assert check(home, "home").status == "ok"
    home.root.chmod(0o755)
    found = check(home, "home")
    assert (found.status, found.remedy) == ("warn", f"chmod 700 {home.root}")
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o755


def test_a_home_below_a_file_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = check(Home(tmp_path / "file" / "home"), "home")
    assert found.status == "fail"
    assert "TOLV_HOME" in (found.remedy or "")


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tolv.doctor.place import place; from tolv.home import Home\n"
        "print([one.status for one in place(Home(Path(sys.argv[1]))) if one.name == 'home'])"
    )
    # Root may write anywhere, unless it lacks the capability to.
    plain = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"] if os.geteuid() == 0 else []
    tmp_path.chmod(0o500)
    try:
        command = [*plain, sys.executable, "-c", program, str(tmp_path / "home")]
        assert subprocess.check_output(command, text=True).strip() == "['fail']"
    finally:
        tmp_path.chmod(0o700)


def test_a_path_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    assert check(Home(tmp_path / ("deep" * 30)), "socket path").status == "warn"
    assert check(Home(Path("/tmp/t")), "socket path").status == "ok"


def test_the_file_system_is_the_one_that_the_home_will_lie_on(home: Home, tmp_path: Path) -> None:
    findmnt = shutil.which("findmnt")
    if findmnt is None:
        pytest.skip("no findmnt to compare with")
    told = subprocess.run([findmnt, "-no", "FSTYPE", "-T", tmp_path], capture_output=True, text=True, check=True)
    assert check(home, "file system").detail == told.stdout.strip()


def test_a_disk_that_is_nearly_full_is_told(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tolv.doctor.place import place; from tolv.home import Home\n"
        "print([one.status for one in place(Home(Path(sys.argv[1]))) if one.name in ('disk space', 'inodes')])"
    )
    script = 'mount -t tmpfs -o size=1m,nr_inodes=50 tolv "$3" || exit 77; exec "$1" -c "$2" "$3"'
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", "--mount", *user, "sh", "-c", script, "sh", sys.executable, program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    assert done.stdout.strip() == "['fail', 'fail']"


def test_tools_are_found_on_the_path_with_their_versions(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    program(tools / "git", "git version 9.8.7 (Somebody)")
    program(tools / "node", "v42.1.0")
    manifest = tmp_path / "lib" / "npm" / "package.json"
    program(manifest.parent / "bin" / "npm-cli.js", "never run")
    manifest.write_text(json.dumps({"name": "npm", "version": "77.0.1"}))
    (tools / "npm").symlink_to(manifest.parent / "bin" / "npm-cli.js")
    monkeypatch.setenv("PATH", f"{tools}:/bin")
    assert check(home, "git").detail == "9.8.7"
    assert check(home, "node").detail.startswith("42.1.0, npm 77.0.1")


def test_what_is_missing_is_named_with_the_way_to_get_it(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert check(home, "git").status == "fail"
    assert "install" in (check(home, "git").remedy or "")
    assert check(home, "node").status == "warn"


def test_interpreters_of_pyenv_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "versions" / "3.99.4" / "bin" / "python3", "")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert find_pythons()["3.99.4"] == str(tmp_path / "versions/3.99.4/bin/python3")


def test_this_interpreter_counts(home: Home) -> None:
    assert "{}.{}.{}".format(*sys.version_info) in check(home, "python").detail.split(", ")


def test_a_check_is_json(home: Home) -> None:
    assert json.loads(json.dumps(Check("port", "warn", "a", "b").to_dict())) == {
        "name": "port",
        "status": "warn",
        "detail": "a",
        "remedy": "b",
    }


@pytest.mark.parametrize(("size", "shown"), [(0, "0 B"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB"), (3 << 40, "3.0 TiB")])
def test_sizes_are_shown_for_people(size: int, shown: str) -> None:
    assert in_bytes(size) == shown


def test_what_takes_room_is_told_beside_its_budget(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not {"builds", "disk budget"} & {one.name for one in examine(home, 0)}, "nothing is there yet"
    home.make()
    for path, size in (("images/blobs/a", 1), ("layers/b/f", 2), ("cache/uv/c", 3), ("cache/d", 1), ("logs/shop/x", 2)):
        (home.root / path).parent.mkdir(parents=True, exist_ok=True)
        (home.root / path).write_bytes(b"x" * (size << 20))
    (home.layers / "b" / "again").hardlink_to(home.layers / "b" / "f")
    assert "2.0 MiB in 1 layers" in check(home, "dependencies").detail
    assert check(home, "caches").detail.startswith("4.0 MiB, of which uv's 3.0 MiB")
    assert "2.0 MiB of 1 apps, 50.0 MiB for each" in check(home, "logs").detail
    assert check(home, "disk budget").status == "ok"
    monkeypatch.setenv("TOLV_DISK_BUDGET", "16M")
    assert "7.0 MiB of 16.0 MiB" in check(home, "disk budget").detail
    (home.images / "blobs" / "large").write_bytes(b"x" * (10 << 20))
    assert check(home, "disk budget").status == "warn"
    monkeypatch.setenv("TOLV_DISK_BUDGET", "some")
    assert check(home, "budgets").status == "fail"
    home.server_state.write_text(json.dumps({"budgets": {"disk": 32 << 20}}))
    assert "of 32.0 MiB" in check(home, "disk budget").detail


def test_what_https_needs_is_told_and_is_no_failure(
    home: Home, taken_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check(home, "caddy").status == "ok"
    monkeypatch.setenv("TOLV_HTTPS_PORT", str(taken_port))
    found = check(home, "https ports")
    assert (found.status, str(taken_port) in found.detail) == ("warn", True)
    assert "TOLV_HTTPS_PORT" in (found.remedy or "")
    monkeypatch.setenv("TOLV_HTTPS_PORT", "https")
    assert check(home, "https ports").status == "warn"
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert check(home, "caddy").status == "warn"
