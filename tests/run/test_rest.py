"""When a process without a port counts as booted: nothing of it computes any more."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from tolv.run.local.rest import until_rest

#: Computes, has a child that computes for longer, marks the end of both, and waits.
BOOTS = """\
import os, signal, sys, time
from pathlib import Path

def compute(seconds):
    while time.process_time() < seconds:
        pass

compute(0.2)
child = os.fork()
if child == 0:
    compute(0.3)
    os._exit(0)
os.waitpid(child, 0)
Path(sys.argv[1]).touch()
signal.pause()
"""


def test_a_process_is_at_rest_once_neither_it_nor_its_children_compute(tmp_path: Path) -> None:
    mark = tmp_path / "booted"
    command = [sys.executable, "-I", "-S", "-c", BOOTS, str(mark)]
    with subprocess.Popen(command, start_new_session=True) as process:
        asyncio.run(until_rest(process.pid, 60.0))
        booted, running = mark.exists(), process.poll() is None
        process.kill()
    assert booted
    assert running


def test_one_that_never_rests_is_not_waited_for_longer_than_that(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", "-c", "while True: pass"]
    with subprocess.Popen(command, start_new_session=True) as process:
        asyncio.run(until_rest(process.pid, 0.3))
        assert process.poll() is None
        process.kill()
