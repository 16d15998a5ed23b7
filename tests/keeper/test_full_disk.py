"""A full disk fails what is new, cleanly, and leaves alone what runs."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tolv.errors import PlatformError
from tolv.run.keeper.client import KeeperClient


@pytest.fixture
def full(bench: Any) -> Iterator[Path]:
    """A small disk under the keeper's directory; what is written to the file that is given fills it."""
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tolv-test", str(bench.home.keeper)]
    if os.getuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        yield bench.home.keeper / "ballast"
    finally:
        subprocess.run(["umount", "-l", str(bench.home.keeper)], check=True)


def test_a_start_without_space_changes_nothing_and_what_runs_is_stopped_as_ever(bench: Any, full: Path) -> None:
    async def story(keeper: KeeperClient) -> None:
        await keeper.start(
            bench.spec("a", "echo before; read x < $SCRATCH/go; echo after; exec sleep 600"), bench.env()
        )
        subprocess.run(["dd", "if=/dev/zero", f"of={full}", "bs=1k"], capture_output=True, check=False)
        with pytest.raises(PlatformError, match="No space left"):
            await keeper.start(bench.spec("b", "true"), bench.env())
        assert [one.id for one in await keeper.list()] == ["a"]
        bench.kill_keeper()
        (bench.scratch / "go").write_text("x\n")
        assert (await bench.kept(keeper, "a")).alive
        bench.until(lambda: bench.out("a") == b"before\nafter\n")
        full.unlink()
        await keeper.signal("a", signal.SIGKILL, "tree")
        await bench.ended(keeper, "a")
        await keeper.start(bench.spec("b", "true"), bench.env())
        assert (await bench.ended(keeper, "b")).code == 0

    os.mkfifo(bench.scratch / "go")
    bench.run(story)
