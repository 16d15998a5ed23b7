"""The image layout, its blobs and its index, for any OCI tool; and what is kept of it."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tolv.build import builder
from tolv.build.workshop import BuildCancelled, remove_tree
from tolv.errors import PlatformError, UsageError
from tolv.home import Home

PLAIN = {"Procfile": "web: ./serve\n", "data.txt": "hello"}
PYTHON = {"requirements.txt": "tiny-base==1.0\n", "web.py": "import tiny_base\nprint(tiny_base.version)\n"}


def test_the_layout_is_what_the_specification_says(home, repository):
    build = repository(PYTHON).build(home)
    assert json.loads((home.images / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((home.images / "index.json").read_text())
    assert [one["digest"] for one in index["manifests"]] == [build.digest]
    manifest = _blob(home, index["manifests"][0])
    config = json.loads(_blob_bytes(home, manifest["config"]))
    assert config["config"]["WorkingDir"] == "/app"
    assert config["config"]["Cmd"] == ["/bin/sh", "-c", "python web.py"]
    assert "PATH=/opt/venv/bin:" in config["config"]["Env"][0]
    for descriptor, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
        assert f"sha256:{hashlib.sha256(_blob_bytes(home, descriptor)).hexdigest()}" == diff_id


def test_every_tar_entry_is_owned_by_root_and_carries_one_time(home, repository):
    build = repository(PYTHON).build(home)
    for layer, time in zip(build.layers, (315532800, build.created), strict=True):
        with tarfile.open(home.images / "blobs" / "sha256" / layer.digest[7:]) as archive:
            members = archive.getmembers()
        names = [one.name for one in members]
        assert names[0] == layer.prefix.split("/")[0]
        assert {(one.uid, one.gid, one.mtime) for one in members} == {(0, 0, time)}
        assert {oct(one.mode) for one in members} <= {"0o755", "0o644", "0o777"}


def test_the_bill_of_materials_refers_to_its_image(home, repository):
    build = repository(PYTHON).build(home)
    entry = json.loads((home.images / "index.json").read_text())["manifests"][0]
    referrer = json.loads(_blob_bytes(home, {"digest": entry["annotations"]["io.tolv.sbom"]}))
    assert referrer["subject"]["digest"] == build.digest
    assert referrer["artifactType"] == "application/vnd.cyclonedx+json"
    assert json.loads(_blob_bytes(home, referrer["layers"][0])) == builder.sbom(home, build.digest)


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
def test_skopeo_reads_and_copies_a_build(home, repository, tmp_path):
    shop = repository(PYTHON)
    build = shop.build(home)
    name = f"{build.app}-{build.commit[:12]}"
    shown = json.loads(_skopeo("inspect", f"oci:{home.images}:{name}"))
    assert shown["Digest"] == build.digest
    assert shown["Labels"]["org.opencontainers.image.revision"] == build.commit
    _skopeo(
        "copy",
        "--insecure-policy",
        "--dest-oci-accept-uncompressed-layers",
        f"oci:{home.images}",
        f"oci:{tmp_path / 'copy'}:latest",
    )
    assert json.loads(_skopeo("inspect", f"oci:{tmp_path / 'copy'}:latest"))["Digest"] == build.digest


def test_removing_keeps_what_is_asked_for_and_only_that(home, repository, run):
    shop = repository(PYTHON)
    old = shop.build(home)
    shop.commit({"requirements.txt": "tiny-base==1.1\n"})
    new = shop.build(home)
    assert builder.remove(home, {new.digest}) == [old.digest]
    assert run(home, new, "python web.py") == "1.1"
    with pytest.raises(UsageError, match="there is no build"):
        builder.unpack(home, old.digest)
    builder.sbom(home, new.digest)
    assert {path.name for path in home.builds.glob("[!.]*")} == {new.digest[7:]}
    assert {path.name for path in home.layers.iterdir()} == {new.layers[0].diff_id[7:]}
    assert len(list((home.images / "blobs" / "sha256").iterdir())) == 7


def test_a_removed_build_comes_back_when_it_is_built_again(home, repository, run):
    shop = repository(PYTHON)
    build = shop.build(home)
    assert builder.remove(home, set()) == [build.digest]
    assert shop.build(home) == build
    assert run(home, build, "python web.py") == "1.0"


def test_nothing_is_removed_while_a_build_is_in_flight(home, repository):
    shop = repository({**PLAIN, "tolv.toml": '[build]\ncommand = "exec sleep 600"\n'})
    first = repository(PLAIN, "other").build(home)
    cancelled, started = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(shop.build, home, lambda message: started.set(), cancelled)
        assert started.wait(30)
        assert builder.remove(home, set()) == []
        cancelled.set()
        with pytest.raises(BuildCancelled):
            building.result(30)
    assert builder.remove(home, set()) == [first.digest]


def test_a_damaged_blob_is_noticed_before_anything_runs(home, repository):
    build = repository(PYTHON).build(home)
    for directory in (home.builds, home.layers):
        remove_tree(directory)
    blob = home.images / "blobs" / "sha256" / build.layers[0].digest[7:]
    content = bytearray(blob.read_bytes())
    content[content.index(b"version = ")] ^= 1
    blob.write_bytes(content)
    with pytest.raises(PlatformError, match="damaged"):
        builder.unpack(home, build.digest)
    assert not list(home.work.iterdir())


def test_builds_and_unpackings_in_parallel_do_not_disturb_each_other(home, repository, run):
    shop = repository(PYTHON)
    with ThreadPoolExecutor(4) as pool:
        builds = list(pool.map(lambda _: shop.build(home), range(4)))
    assert len({build.digest for build in builds}) == 1
    remove_tree(home.layers)
    remove_tree(home.builds)
    with ThreadPoolExecutor(4) as pool:
        ready = list(pool.map(lambda _: builder.unpack(home, builds[0].digest), range(4)))
    assert len(set(map(str, ready))) == 1
    assert run(home, builds[0], "python web.py") == "1.0"
    assert not list(home.work.iterdir())


def test_a_cancelled_build_ends_its_tools_and_leaves_nothing(home, repository, tmp_path):
    pids = tmp_path / "pids"
    command = f"setsid sh -c 'echo $$ >> {pids}; exec sleep 600' & echo $$ >> {pids}; exec sleep 600"
    shop = repository({**PLAIN, "tolv.toml": f"[build]\ncommand = {json.dumps(command)}\n"})
    cancelled = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(shop.build, home, lambda message: None, cancelled)
        _until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        cancelled.set()
        with pytest.raises(BuildCancelled):
            building.result(30)
    assert not [pid for pid in pids.read_text().split() if _alive(pid)]
    assert not list(home.work.iterdir())
    assert not list((home.images / "blobs" / "sha256").iterdir())


def test_what_a_build_step_leaves_running_ends_with_the_build(home, repository, tmp_path):
    pid = tmp_path / "pid"
    command = f"setsid sh -c 'echo $$ > {pid}; exec sleep 600' & while [ ! -s {pid} ]; do sleep 0.01; done"
    repository({**PLAIN, "tolv.toml": f"[build]\ncommand = {json.dumps(command)}\n"}).build(home)
    assert not _alive(pid.read_text().strip())


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(tmp_path, repository):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this test mounts a small file system, which needs root")
    try:
        home = Home(disk / "home")
        small = repository(PLAIN).build(home)
        command = "head -c 1000000 /dev/zero > a; head -c 900000 /dev/zero > b"
        large = repository({**PLAIN, "tolv.toml": f"[build]\ncommand = {json.dumps(command)}\n"}, "large")
        with pytest.raises(PlatformError, match="no space left") as caught:
            large.build(home)
        assert caught.value.remedy
        assert not list(home.work.iterdir())
        assert builder.read_build(home, small.digest) == small
        assert not list((home.images / "blobs").glob(".*"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _blob_bytes(home: Home, descriptor: dict[str, str]) -> bytes:
    return (home.images / "blobs" / "sha256" / descriptor["digest"][7:]).read_bytes()


def _blob(home: Home, descriptor: dict[str, str]) -> dict:
    content = _blob_bytes(home, descriptor)
    assert len(content) == descriptor["size"]
    return json.loads(content)


def _skopeo(*arguments: str) -> str:
    return subprocess.run(["skopeo", *arguments], check=True, capture_output=True, text=True).stdout


def _alive(pid: str) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _until(holds, deadline: float = 30.0) -> None:
    waited = threading.Event()
    for _ in range(int(deadline / 0.02)):
        if holds():
            return
        waited.wait(0.02)
    raise AssertionError("it did not come to pass")
