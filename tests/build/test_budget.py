"""Builds keep within their number and their budget, and whatever is listed as restorable can be started."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tolv.budgets import Budgets, budgets, disk_usage
from tolv.build import builder
from tolv.build.model import Build
from tolv.build.workshop import remove_tree
from tolv.codebase.git import locate
from tolv.codebase.model import Commit
from tolv.errors import UsageError
from tolv.home import Home
from tolv.release.releases import Releases
from tolv.release.retention import restorable, retained
from tolv.store.apps import Apps, Deploys
from tolv.store.builds import Builds
from tolv.store.configs import Configs
from tolv.store.store import Store

KIB = 1 << 10
DEPLOYS = 200


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    store.migrate()
    yield store
    store.close()


class Shop:
    """An app whose deploys are made as the server makes them, without processes."""

    def __init__(self, home: Home, store: Store, code: Path) -> None:
        self.home, self.store, self.code = home, store, code
        code.mkdir()
        (code / "Procfile").write_text("web: ./serve\n")
        Apps(store).register("shop", str(code))
        Deploys(store).ensure("shop", "prod")
        self._config = Configs(store).add("shop", "prod", b"sealed", by="ada@host")
        self._noise = random.Random(7)

    def build(self, size: int = 32 * KIB, **files: str) -> Build:
        """Build what differs from all before by `size` bytes."""
        for name, text in files.items():
            (self.code / name).write_text(text)
        (self.code / "data").write_bytes(self._noise.randbytes(size))
        made = builder.build(
            locate(self.code), Commit("", 0, dirty=True), "shop", self.home, lambda _: None, worktree=True
        )
        Builds(self.store).add(made)
        return made

    def deploy(self, made: Build) -> int:
        releases = Releases(self.store)
        release = releases.create(
            "shop",
            "prod",
            build=made.digest,
            commit=None,
            config=self._config,
            formation={"web": 1},
            description="Deploy",
            by="ada@host",
        )
        releases.mark_live("shop", "prod", release.number, {"web": 1}, "ada@host")
        return release.number

    def collect(self, budget: int | None = None, kept: int = 10) -> list[str]:
        """What the server does after a deploy."""
        found = retained(self.store, kept)
        removed = builder.remove(self.home, found.needed, found.spare, budget)
        Builds(self.store).mark_removed(removed)
        return removed

    def restorable(self) -> set[int]:
        return restorable(self.store, "shop", "prod", lambda digest: builder.holds(self.home, digest))

    def held(self) -> int:
        return sum(disk_usage(path) for path in (self.home.images, self.home.builds, self.home.layers, self.home.cache))


@pytest.fixture
def shop(store: Store, tmp_path: Path) -> Iterator[Shop]:
    """On a disk of memory, where there is one: what is synced is not what is tried here."""
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tolv-test-", dir=where, ignore_cleanup_errors=True) as name:
        home = Home(Path(name))
        home.make()
        yield Shop(home, store, tmp_path / "code")
        remove_tree(home.root)


def test_two_hundred_deploys_stay_within_the_budget_and_all_that_is_listed_starts(shop: Shop) -> None:
    content: dict[int, bytes] = {}
    budget, number = 512 * KIB, 0
    for _ in range(DEPLOYS):
        number = shop.deploy(shop.build())
        content[number] = (shop.code / "data").read_bytes()
        shop.collect(budget)
        assert shop.held() <= budget + 64 * KIB, "directories and manifests aside"
    listed = shop.restorable()
    assert number == DEPLOYS
    assert {DEPLOYS, DEPLOYS - 1} <= listed < set(range(DEPLOYS - 10, DEPLOYS + 1)), "the budget allows fewer than ten"
    for one in listed:
        build = Releases(shop.store).get("shop", "prod", one).build
        shutil.rmtree(shop.home.builds / build[7:])  # from the image alone
        directory = Path(builder.unpack(shop.home, build).directory)
        assert (directory / "data").read_bytes() == content[one]


def test_the_live_release_and_the_one_before_stay_whatever_they_take(shop: Shop) -> None:
    for _ in range(4):
        shop.deploy(shop.build())
    assert len(shop.collect(budget=1)) == 2
    assert shop.restorable() == {3, 4}
    assert shop.collect(budget=1) == []


def test_the_number_of_releases_is_a_bound_of_its_own(shop: Shop) -> None:
    for _ in range(6):
        shop.deploy(shop.build())
    shop.collect(kept=2)
    assert shop.restorable() == {4, 5, 6}


def test_caches_go_before_what_a_rollback_needs_and_the_longest_unused_first(shop: Shop) -> None:
    for _ in range(3):
        shop.deploy(shop.build())
    shop.collect()
    builds = shop.held() - disk_usage(shop.home.cache)
    cache = shop.home.cache
    for directory, size in (("uv", 300), ("npm", 100), ("steps/old", 100), ("steps/new", 100)):
        (cache / directory).mkdir(parents=True, exist_ok=True)
        (cache / directory / "file").write_bytes(b"x" * size * KIB)
    while (cache / "steps/new").stat().st_ctime_ns == (cache / "steps/old").stat().st_ctime_ns:
        os.utime(cache / "steps/new")
    assert shop.collect(builds + 350 * KIB) == []
    assert left(cache) == {"npm", "steps", "steps/old", "steps/new"}
    assert shop.collect(builds + 150 * KIB) == []
    assert left(cache) == {"steps", "steps/new"}
    assert shop.restorable() == {1, 2, 3}


def left(cache: Path) -> set[str]:
    return {path.relative_to(cache).as_posix() for path in cache.rglob("*") if path.is_dir()}


def test_builds_that_nobody_releases_are_bounded_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tolv.release.retention._FRESH", 0.0)
    made = [shop.build() for _ in range(8)]
    removed = shop.collect(budget=400 * KIB)
    assert removed
    assert set(removed) == {one.digest for one in made[: len(removed)]}, "the oldest first"
    assert builder.holds(shop.home, made[-1].digest)


@pytest.mark.parametrize("part", ["layer", "manifest", "index"])
def test_a_build_of_which_a_part_is_gone_is_not_listed(shop: Shop, part: str) -> None:
    first, _ = shop.build(), shop.deploy(shop.build())
    shop.deploy(first)
    shop.deploy(shop.build())
    assert shop.restorable() == {1, 2, 3}
    if part == "index":  # as a server leaves it that is killed while it collects garbage
        builder.remove(shop.home, retained(shop.store).builds - {first.digest})
    else:
        digest = first.layers[0].digest if part == "layer" else first.digest
        (shop.home.images / "blobs" / "sha256" / digest[7:]).unlink()
    assert shop.restorable() == {1, 3}


def test_a_disk_without_any_room_gives_up_its_caches_to_collect_garbage(store: Store, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tolv-test", str(disk)]
    if os.getuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        home = Home(disk / "home")
        home.make()
        shop = Shop(home, store, tmp_path / "code")
        for _ in range(4):
            shop.deploy(shop.build())
        (home.cache / "uv").mkdir()
        (home.cache / "uv" / "wheel").write_bytes(b"x" * 64 * KIB)
        subprocess.run(["dd", "if=/dev/zero", f"of={disk / 'ballast'}", "bs=4k"], capture_output=True, check=False)
        assert len(shop.collect(kept=1)) == 2
        assert shop.restorable() == {3, 4}
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_budgets_are_read_from_the_environment_and_nonsense_is_refused() -> None:
    assert budgets({}) == Budgets()
    found = budgets({"TOLV_LOG_BUDGET": "1G", "TOLV_DISK_BUDGET": "20G", "TOLV_KEPT_RELEASES": "3"})
    assert (found.logs, found.disk, found.releases) == (1 << 30, 20 << 30, 3)
    for name, text in (
        ("TOLV_LOG_BUDGET", "50"),
        ("TOLV_LOG_BUDGET", "1K"),
        ("TOLV_DISK_BUDGET", "-1G"),
        ("TOLV_TMP_BUDGET", "lots"),
        ("TOLV_KEPT_RELEASES", "0"),
    ):
        with pytest.raises(UsageError, match=name) as caught:
            budgets({name: text})
        assert caught.value.remedy
