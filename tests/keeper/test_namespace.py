"""A tree is known by its mount namespace, whose number the kernel gives away again as soon as nobody holds it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.disk import AS_ROOT

from tolv.run.keeper.kept import KeptProcess
from tolv.run.keeper.tree import find_members, read_namespace, read_process, read_table


@contextmanager
def in_a_namespace_of_its_own() -> Iterator[int]:
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", "echo there; exec sleep 60"], stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def kept(path: Path, pid: int) -> KeptProcess:
    process = KeptProcess(str(path), {"id": "web.1", "sandbox": {"view": True}}, "home")
    process.pid = process.tree.pid = pid
    return process


@AS_ROOT
def test_the_next_namespace_is_never_taken_for_that_of_a_process_that_is_gone(tmp_path: Path) -> None:
    with in_a_namespace_of_its_own() as first:
        process = kept(tmp_path, first)
        process.note_namespace()
        assert process.tree.namespace == read_namespace(first)
    try:
        deadline = time.monotonic() + 10
        while read_process(first) is not None:
            assert time.monotonic() < deadline
        for _ in range(2):
            with in_a_namespace_of_its_own() as other:
                assert find_members(read_table(), [process.tree]) == {"web.1": []}
                assert read_namespace(other) != process.tree.namespace
    finally:
        process.close()
    assert process.tree.namespace is None


@AS_ROOT
def test_a_process_without_a_view_of_its_own_is_not_known_by_the_namespace_of_all(tmp_path: Path) -> None:
    child = subprocess.Popen(["sleep", "60"])
    try:
        process = kept(tmp_path, child.pid)
        process.note_namespace()
        assert process.tree.namespace is None
    finally:
        child.kill()
        child.wait()
