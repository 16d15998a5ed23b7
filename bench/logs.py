"""Two million lines of 100 bytes from one process, until all are stored: Tolv against honcho, supervisord, circus, cat.

    python bench/logs.py [--rounds 3]

Tolv stores them with time and process, and they are read back afterwards, each with both; the others write to a file.
circus is left out where it is not installed.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from _measure import BIN, DEADLINE, finish, in_turns, print_surroundings, rounds, scratch
from _measure import tolv as running_tolv

from tolv.logs.reader import read

LINES, LINE = 2_000_000, "x" * 99
#: What honcho gets, which takes a minute for them all.
FEW = LINES // 10
#: Writes as fast as it can, and stays.
_SPEAKER = f"yes {LINE} | head -n {{lines}}; exec sleep 600"
_SUPERVISORD = """\
[supervisord]
logfile={directory}/supervisord.log
pidfile={directory}/supervisord.pid
[program:speaker]
command={script}
stdout_logfile={out}
stdout_logfile_maxbytes=0
"""
_CIRCUS = """\
[circus]
endpoint = ipc://{directory}/endpoint
pubsub_endpoint = ipc://{directory}/pubsub
[watcher:speaker]
cmd = {script}
stdout_stream.class = FileStream
stdout_stream.filename = {out}
"""


class Speaker:
    """A script that speaks, and the file that what it says goes to."""

    def __init__(self, directory: Path, lines: int) -> None:
        self.directory = directory
        self.out, self.script = directory / "out", directory / "speak.sh"
        self.script.write_text(f"#!/bin/sh\n{_SPEAKER.format(lines=lines)}\n")
        self.script.chmod(0o755)

    def stored(self) -> int:
        return self.out.stat().st_size if self.out.exists() else 0


def rate(stored: Callable[[], int], size: int, lines: int) -> float:
    """Lines a second, from the moment when something is stored to the one when all of `size` bytes is."""
    deadline = time.perf_counter() + DEADLINE
    first = 0.0
    while (found := stored()) < size:
        now = time.perf_counter()
        if now > deadline:
            sys.exit(f"only {found} of {size} bytes are stored")
        first = first or (now if found else 0.0)
        time.sleep(0.002)
    return lines / (time.perf_counter() - first)


def peer(
    scratch_directory: Path,
    command: Callable[[Speaker], list[str]],
    *,
    to_file: bool,
    lines: int = LINES,
    prefix: int = 0,
) -> Callable[[], float]:
    """The rate of another; `to_file`: its own output is what is stored; `prefix`: bytes that it adds to each line."""
    numbers = itertools.count()

    def run() -> float:
        directory = scratch_directory / f"{command.__name__}-{next(numbers)}"
        directory.mkdir()
        speaker = Speaker(directory, lines)
        with (speaker.out if to_file else directory / "said").open("wb") as out:
            process = subprocess.Popen(
                command(speaker), cwd=directory, stdout=out, stderr=subprocess.DEVNULL, start_new_session=True
            )
            try:
                return rate(speaker.stored, lines * (len(LINE) + 1 + prefix), lines)
            finally:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                shutil.rmtree(directory)

    return run


def honcho(speaker: Speaker) -> list[str]:
    (speaker.directory / "Procfile").write_text(f"speaker: {speaker.script}\n")
    return [str(BIN / "honcho"), "start"]


def supervisord(speaker: Speaker) -> list[str]:
    file = speaker.directory / "supervisord.conf"
    file.write_text(_SUPERVISORD.format(directory=speaker.directory, script=speaker.script, out=speaker.out))
    return [str(BIN / "supervisord"), "-n", "-c", str(file)]


def circus(speaker: Speaker) -> list[str]:
    file = speaker.directory / "circus.ini"
    file.write_text(_CIRCUS.format(directory=speaker.directory, script=speaker.script, out=speaker.out))
    return [find_circus() or "", str(file)]


def cat(speaker: Speaker) -> list[str]:
    return ["/bin/sh", "-c", f"{speaker.script} | cat"]


def find_circus() -> str | None:
    beside = BIN / "circusd"
    return str(beside) if beside.exists() else shutil.which("circusd")


def main() -> None:
    times = rounds(__doc__, 3)
    readings: list[float] = []
    with scratch() as directory, running_tolv(directory / "home", TOLV_LOG_BUDGET="1G") as platform:
        numbers = itertools.count()

        def tolv() -> float:
            name = f"speaker{next(numbers)}"
            app = directory / name
            app.mkdir()
            (app / "Procfile").write_text(f"speaker: {_SPEAKER.format(lines=LINES)}\n")
            logs = platform.home / "logs" / name / "dev"
            deploying = platform.start("up", "--detach", str(app))
            found = rate(
                lambda: sum(path.stat().st_size for path in logs.glob("*-speaker.1-*.out")),
                LINES * (len(LINE) + 1),
                LINES,
            )
            finish(deploying, "tolv up")
            began = time.perf_counter()
            count = sum(
                1 for line in read(platform.home / "logs", name, "dev") if line.stream == "stdout" and line.time
            )
            readings.append(LINES / (time.perf_counter() - began))
            if count != LINES:
                sys.exit(f"{count} of {LINES} lines can be read back")
            platform.run("destroy", name, "--yes")
            return found

        peers = {
            "honcho": peer(directory, honcho, to_file=True, lines=FEW, prefix=len("10:31:07 speaker.1 | ")),
            "supervisord, to a file": peer(directory, supervisord, to_file=False),
            "`cat`, to a file": peer(directory, cat, to_file=True),
        }
        if find_circus():
            peers["circus, to a file"] = peer(directory, circus, to_file=False)
        found = in_turns(times, {"Tolv, with time and process": tolv, **peers}, unmeasured=0)
    rates = {name: [one / 1e6 for one in each] for name, each in found.items()}
    ours = rates["Tolv, with time and process"]
    targets = {"honcho": "≥ 30"} | dict.fromkeys(("supervisord, to a file", "circus, to a file"), "> 1")
    print(
        "| | million lines/s, median | slowest | fastest | Tolv is times as fast | target |\n|---|---|---|---|---|---|"
    )
    for name, each in rates.items():
        ratio = statistics.median(our / one for our, one in zip(ours, each, strict=True))
        figures = [f"{one:.2f}" for one in (statistics.median(each), min(each), max(each))]
        print(f"| {' | '.join([name, *figures, '' if each is ours else f'{ratio:.2f}', targets.get(name, '')])} |")
    print(f"\nRead back with time and process: {sum(readings) / len(readings) / 1e6:.2f} million lines a second.")
    print_surroundings("honcho", "supervisor")


if __name__ == "__main__":
    main()
