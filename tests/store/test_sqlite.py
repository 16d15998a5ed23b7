"""SQLite in bad company: damaged, full, out of reach."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from store_fixtures import a_deploy, a_live_release, make_store

from tolv.errors import PlatformError
from tolv.release.releases import Releases
from tolv.store.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def test_the_file_is_its_owners_alone(path: Path) -> None:
    store = make_store(f"sqlite:///{path}")
    with store.write() as connection:
        connection.execute(text("INSERT INTO meta VALUES ('a', 'b')"))
        files = list(path.parent.iterdir())
        assert len(files) == 3
        assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}


def test_every_commit_is_synced_to_disk(path: Path) -> None:
    store = make_store(f"sqlite:///{path}")
    with store.read(), store.read() as second:
        assert second.execute(text("PRAGMA synchronous")).scalar_one() == 2
        assert second.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert second.execute(text("PRAGMA foreign_keys")).scalar_one() == 1


def test_a_file_that_is_no_database_is_an_error_with_a_remedy_and_is_left_alone(path: Path) -> None:
    path.write_bytes(b"a shopping list, not a database\n" * 100)
    with pytest.raises(PlatformError, match="damaged") as caught:
        Store(f"sqlite:///{path}").migrate()
    assert str(path) in (caught.value.remedy or "")
    assert path.read_bytes().startswith(b"a shopping list")


def test_a_damaged_page_is_an_error_with_a_remedy(path: Path) -> None:
    url = f"sqlite:///{path}"
    store = make_store(url)
    config = a_deploy(store)
    for _ in range(20):
        a_live_release(store, config)
    with store.read() as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'releases'"
        page = connection.execute(text(query)).scalar_one()
        size = connection.execute(text("PRAGMA page_size")).scalar_one()
    store.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(os.urandom(size))
    with pytest.raises(PlatformError, match="damaged") as caught:
        Releases(Store(url)).list("shop", "prod")
    assert "recover" in (caught.value.remedy or "")


@pytest.mark.parametrize("where", ["missing/store.db", "file/store.db", "."])
def test_a_place_that_cannot_hold_a_file_is_an_error_with_a_remedy(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PlatformError, match="cannot be opened") as caught:
        Store(f"sqlite:///{tmp_path / where}")
    assert caught.value.remedy


_FILL = """
import json, os, sys
disk = sys.argv[1]
from sqlalchemy import text
from tolv.errors import PlatformError
from tolv.store.store import Store

store = Store(f"sqlite:///{disk}/store.db")
store.migrate()
with store.write() as connection:
    connection.execute(text("INSERT INTO meta VALUES ('kept', 'yes')"))
try:
    with open(f"{disk}/ballast", "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
except OSError:
    pass
error = None
try:
    with store.write() as connection:
        connection.execute(text("INSERT INTO meta VALUES ('big', :value)"), {"value": "x" * 1_000_000})
except PlatformError as caught:
    error = caught.to_dict()
os.unlink(f"{disk}/ballast")
with store.write() as connection:
    connection.execute(text("INSERT INTO meta VALUES ('after', 'yes')"))
with store.read() as connection:
    keys = sorted(connection.execute(text("SELECT key FROM meta")).scalars())
print(json.dumps({"error": error, "keys": keys}))
"""


def test_a_full_disk_is_an_error_with_a_remedy_and_loses_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    script = 'mount -t tmpfs -o size=2m tolv "$3" || exit 77; exec "$1" -c "$2" "$3"'
    command = ["unshare", "--mount", *user, "sh", "-c", script, "sh", sys.executable, _FILL, str(disk)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert "no space left" in result["error"]["problem"]
    assert result["error"]["remedy"]
    assert result["keys"] == ["after", "kept"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a file system read-only")
def test_a_store_that_was_read_only_for_a_while_can_be_written_again(path: Path) -> None:
    store = make_store(f"sqlite:///{path}")
    store.close()
    place = str(path.parent)
    with store.read():  # so that the next one needs a connection of its own
        subprocess.run(["mount", "--bind", place, place], check=True)
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
            with store.read() as connection:
                connection.execute(text("SELECT * FROM meta"))
        finally:
            subprocess.run(["umount", "-l", place], check=True)
        insert = text("INSERT INTO meta VALUES ('a', 'b')")
        with pytest.raises(PlatformError, match="readonly"), store.write() as connection:
            connection.execute(insert)  # on the connection that was made just now
        with store.write() as connection:
            connection.execute(insert)
