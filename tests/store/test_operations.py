"""The lease: one operation at a time per deploy, and never one that nobody is alive to end."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tolv.errors import ConflictError
from tolv.store.operations import Operation, Operations
from tolv.store.owner import Owner, lives, this_process
from tolv.store.store import Store


@pytest.fixture
def neighbour() -> Iterator[subprocess.Popen[bytes]]:
    """Another process, which waits to be killed."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()
    assert process.stdin is not None
    process.stdin.close()


def owner_of(pid: int) -> Owner:
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Owner(pid, int(stat[19]), this_process().boot_id)


def test_a_second_operation_is_told_who_does_what_since_when(store: Store) -> None:
    operations = Operations(store)
    first = operations.begin("shop", "prod", "deploy", "ada@host", this_process())
    operations.advance(first.id, "build")
    with pytest.raises(
        ConflictError, match=r"shop in prod is busy: ada@host runs deploy since \d{4}-.*Z \(at: build\)"
    ):
        operations.begin("shop", "prod", "rollback", "bob@host", this_process())
    operations.finish(first.id, "live")
    assert operations.begin("shop", "prod", "rollback", "bob@host", this_process()).phase == "begun"


def test_other_deploys_are_not_held_up(store: Store) -> None:
    operations = Operations(store)
    operations.begin("shop", "prod", "deploy", "ada@host", this_process())
    operations.begin("shop", "staging", "deploy", "ada@host", this_process())
    operations.begin("blog", "prod", "deploy", "ada@host", this_process())
    assert len(operations.unfinished()) == 3


def test_an_operation_on_the_whole_app_excludes_those_on_its_deploys(store: Store) -> None:
    operations = Operations(store)
    deploy = operations.begin("shop", "prod", "deploy", "ada@host", this_process())
    with pytest.raises(ConflictError, match="shop in prod is busy"):
        operations.begin("shop", None, "destroy", "bob@host", this_process())
    operations.finish(deploy.id, "live")
    destroy = operations.begin("shop", None, "destroy", "bob@host", this_process())
    assert destroy.environment is None
    with pytest.raises(ConflictError, match="shop is busy: bob@host runs destroy"):
        operations.begin("shop", "prod", "deploy", "ada@host", this_process())
    assert operations.current("shop", "prod") == destroy
    operations.begin("blog", "prod", "deploy", "ada@host", this_process())


def test_of_many_that_begin_at_once_exactly_one_does(store: Store) -> None:
    operations = Operations(store)

    def begin(_: int) -> Operation | None:
        try:
            return operations.begin("shop", "prod", "deploy", "ada@host", this_process())
        except ConflictError:
            return None

    with ThreadPoolExecutor(8) as threads:
        won = [one for one in threads.map(begin, range(16)) if one is not None]
    assert operations.unfinished() == won
    assert len(won) == 1


def test_the_lease_of_a_process_killed_with_9_is_found_and_does_not_hold(
    store: Store, neighbour: subprocess.Popen[bytes]
) -> None:
    operations = Operations(store)
    left = operations.begin("shop", "prod", "deploy", "ada@host", owner_of(neighbour.pid))
    left = operations.advance(left.id, "run", release=3, build="sha256:abc")
    with pytest.raises(ConflictError):
        operations.begin("shop", "prod", "deploy", "bob@host", this_process())
    neighbour.send_signal(signal.SIGKILL)
    neighbour.wait()
    assert operations.unfinished() == [left]
    assert (left.phase, left.release, left.details) == ("run", 3, {"build": "sha256:abc"})
    after = operations.begin("shop", "prod", "deploy", "bob@host", this_process())
    assert operations.unfinished() == [after]


def test_a_server_that_came_back_takes_over_what_its_predecessor_began(
    store: Store, neighbour: subprocess.Popen[bytes]
) -> None:
    operations = Operations(store)
    left = operations.begin("shop", "prod", "deploy", "ada@host", owner_of(neighbour.pid))
    neighbour.send_signal(signal.SIGKILL)
    neighbour.wait()
    mine = operations.take_over(left.id, this_process())
    assert mine == dataclasses.replace(left, owner=this_process())
    with pytest.raises(ConflictError, match="ada@host runs deploy"):
        operations.begin("shop", "prod", "deploy", "bob@host", this_process())


def test_what_is_known_of_an_operation_adds_up(store: Store) -> None:
    operations = Operations(store)
    made = operations.begin("shop", "prod", "deploy", "ada@host", this_process())
    operations.advance(made.id, "build", build="sha256:abc")
    operations.advance(made.id, "release", release=7)
    known = operations.advance(made.id, "run", processes=["web.1"])
    assert (known.phase, known.release) == ("run", 7)
    assert known.details == {"build": "sha256:abc", "processes": ["web.1"]}


def test_the_first_outcome_of_an_operation_stays(store: Store) -> None:
    operations = Operations(store)
    made = operations.begin("shop", "prod", "deploy", "ada@host", this_process())
    operations.finish(made.id, "failed")
    operations.finish(made.id, "live")
    assert operations.advance(made.id, "end").outcome == "failed"
    assert operations.unfinished() == []


def test_a_process_is_told_from_another_of_the_same_pid(neighbour: subprocess.Popen[bytes]) -> None:
    owner = owner_of(neighbour.pid)
    assert lives(owner)
    assert not lives(dataclasses.replace(owner, start_time=owner.start_time - 1))
    assert not lives(dataclasses.replace(owner, boot_id="another boot"))


def test_a_zombie_does_not_live(neighbour: subprocess.Popen[bytes]) -> None:
    owner = owner_of(neighbour.pid)
    neighbour.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, neighbour.pid, os.WEXITED | os.WNOWAIT)
    assert not lives(owner)
