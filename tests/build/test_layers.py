"""Packing and unpacking a tree: every name, link and size survives, and the bytes depend on nothing else."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.build import layers
from tolv.build.layers import HashingWriter
from tolv.errors import PlatformError

NAMES = st.text("aZ.-_ é\u20ac~", min_size=1, max_size=60).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=6)


@given(st.dictionaries(PATHS.map(tuple), st.binary(max_size=700), max_size=6), st.integers(0, 2**33))
def test_a_packed_tree_is_unpacked_as_it_was(tmp_path_factory, files, time):
    root = tmp_path_factory.mktemp("tree")
    wanted = {}
    for parts, content in files.items():
        path = root.joinpath(*parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue
        wanted["/".join(parts)] = content
    tar, digest = _pack(root, time, tmp_path_factory.mktemp("out"))
    into = tmp_path_factory.mktemp("into")
    layers.extract(tar, digest, into)
    found = {path.relative_to(into / "app").as_posix(): path.read_bytes() for path in into.rglob("*") if path.is_file()}
    assert found == {name: content for name, content in wanted.items() if (root / name).is_file()}
    with tarfile.open(tar) as archive:
        assert {one.mtime for one in archive} == {time}


def test_any_tar_reads_long_names_long_links_and_large_files(tmp_path):
    root = tmp_path / "tree"
    deep = root.joinpath(*["d" * 50] * 6)
    deep.mkdir(parents=True)
    (deep / "n").write_text("deep")
    (root / ("f" * 200)).write_text("long")
    (root / "link").symlink_to("t" * 300)
    (root / "large").write_bytes(os.urandom(3_000_001))
    (root / "run").write_text("#!/bin/sh\n")
    (root / "run").chmod(0o700)
    tar, _ = _pack(root, 1_700_000_000, tmp_path)
    (tmp_path / "into").mkdir()
    subprocess.run(["tar", "-xf", tar, "-C", tmp_path / "into"], check=True)
    subprocess.run(["diff", "-r", "--no-dereference", root, tmp_path / "into" / "app"], check=True)
    assert (tmp_path / "into" / "app" / "run").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    "members",
    [
        [("../outside", None)],
        [("/etc/outside", None)],
        [("app", None), ("app/link", "/tmp"), ("app/link/outside", None)],
    ],
)
def test_a_layer_that_reaches_outside_is_refused(tmp_path, members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, link in members:
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE if name == "app" else tarfile.SYMTYPE if link else tarfile.REGTYPE
            info.linkname, info.mode = link or "", 0o755
            archive.addfile(info, io.BytesIO())
    (tmp_path / "tar").write_bytes(out.getvalue())
    (tmp_path / "into").mkdir()
    with pytest.raises(PlatformError, match="no layer of Tolv's"):
        layers.extract(tmp_path / "tar", "sha256:" + "0" * 64, tmp_path / "into")


def _pack(root, time, directory):
    path = directory / "layer.tar"
    with path.open("wb") as file:
        writer = HashingWriter(file)
        layers.pack(layers.entries(root, "app"), time, writer)
    return path, writer.digest
