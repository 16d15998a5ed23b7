"""What all tests share: a home of their own, a free port, and the command line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# The programs that tests start find Tolv as the tests themselves do.
os.environ["PYTHONPATH"] = str(ROOT / "src")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def tolv_environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a person with a home and a port of their own, and nothing of Tolv's set before."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TOLV_", "GIT_"))}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    return {
        **inherited,
        "TOLV_HOME": str(tmp_path / "tolv-home"),
        "TOLV_PORT": port,
        "PYTHONPATH": str(ROOT / "src"),
        "NO_COLOR": "1",
    }


@pytest.fixture
def tolv_command() -> list[str]:
    """The command line of `tolv`, whatever directory it is run in."""
    return [sys.executable, "-P", "-X", "utf8", "-m", "tolv"]


@pytest.fixture
def tolv(tolv_command: list[str], tolv_environment: dict[str, str], tmp_path: Path) -> Iterator[Run]:
    """Run `tolv` to its end: `tolv("ps", "--json")`. A server that it started stops with the test."""

    def run(
        *arguments: str, input: str | None = None, cwd: Path | None = None, timeout: float = 120, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*tolv_command, *arguments],
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=cwd or tmp_path,
            env={**tolv_environment, **environment},
            timeout=timeout,
            check=False,
        )

    yield run
    if (Path(tolv_environment["TOLV_HOME"]) / "server.sock").exists():
        run("server", "stop")
