"""Machines for the end-to-end tests: one that a worker's tests share, and fresh ones for tests that break theirs."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e.machine import Machine
from e2e.programs import fetch
from services.servers import shared_directory

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def shared_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    base = tmp_path_factory.mktemp("shared")
    machine = Machine(base / "home", _made(base / "projects"))
    yield machine
    machine.close()
    assert machine.survivors() == []


@pytest.fixture
def machine(shared_machine: Machine) -> Machine:
    """The worker's machine. Tests tell each other apart by the names of their apps."""
    return shared_machine


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    """Make machines that no other test uses."""
    made: list[Machine] = []

    def make(**environment: str) -> Machine:
        base = tmp_path / f"m{len(made)}"
        made.append(Machine(base / "home", _made(base / "projects"), **environment))
        return made[-1]

    yield make
    for one in made:
        one.close()
    assert [one.survivors() for one in made] == [[] for _ in made]


@pytest.fixture(scope="session")
def fetched() -> Iterator[Path]:
    """A directory with the programs of backing services, one for all workers of a run."""
    with shared_directory() as shared:
        fetch(shared)
        yield shared


@pytest.fixture
def name() -> str:
    """A name for an app that no other test on this machine uses, in whichever process."""
    return f"app{next(_numbers)}-{os.getpid()}"


def _made(path: Path) -> Path:
    path.mkdir(parents=True)
    return path
