"""Capture: every byte of a pipe is in the file, and when the disk is full that is said, and nothing blocks."""

from __future__ import annotations

import os
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tolv.logs import capture as capture_module
from tolv.logs.bound import Quota
from tolv.logs.capture import Capture


def drain(capture: Capture) -> None:
    while capture.pump() and capture.moved:
        pass


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chunks=st.lists(st.binary(min_size=1, max_size=3000), max_size=12), crash_after=st.integers(0, 12))
def test_bytes_arrive_unchanged_even_when_another_capture_takes_over(
    tmp_path: Path, chunks: list[bytes], crash_after: int
) -> None:
    directory = tmp_path / str(time.monotonic_ns())
    directory.mkdir()
    fifo, path = str(directory / "fifo"), str(directory / "out")
    capture = Capture(fifo, path)
    writer = os.open(fifo, os.O_RDWR)
    for number, chunk in enumerate(chunks):
        os.write(writer, chunk)
        if number == crash_after:
            capture.close()
            capture = Capture(fifo, path)
        capture.pump()
    os.close(writer)
    drain(capture)
    assert capture.eof
    capture.close()
    assert Path(path).read_bytes() == b"".join(chunks)


def test_the_index_says_when_each_byte_came(tmp_path: Path) -> None:
    capture = Capture(str(tmp_path / "fifo"), str(tmp_path / "out"))
    writer = os.open(tmp_path / "fifo", os.O_WRONLY)
    before = time.time_ns()
    for text in (b"one\n", b"two\n"):
        os.write(writer, text)
        capture.pump()
    records = list(struct.iter_unpack("<QQ", (tmp_path / "out.idx").read_bytes()))
    assert [offset for offset, _ in records] == [4, 8]
    assert before <= records[0][1] <= records[1][1] <= time.time_ns()


def test_bytes_that_a_killed_keeper_had_not_indexed_are_indexed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"moved, not indexed\n")
    (tmp_path / "out.idx").write_bytes(struct.pack("<QQ", 5, 7) + b"torn")
    Capture(str(tmp_path / "fifo"), str(tmp_path / "out")).close()
    records = list(struct.iter_unpack("<QQ", (tmp_path / "out.idx").read_bytes()))
    assert (records[0], records[1][0]) == ((5, 7), 19)


def test_an_empty_pipe_neither_blocks_nor_ends(tmp_path: Path) -> None:
    capture = Capture(str(tmp_path / "fifo"), str(tmp_path / "out"))
    writer = os.open(tmp_path / "fifo", os.O_WRONLY)
    assert capture.pump()
    assert not capture.eof
    os.close(writer)
    assert not capture.pump()
    assert capture.eof


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tolv-test", str(disk)]
    if os.getuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_loses_lines_by_count_and_says_so_when_there_is_space_again(
    small_disk: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(capture_module, "RETRY", 0.0)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * (900 << 10))
    capture = Capture(str(tmp_path / "fifo"), str(small_disk / "out"))
    writer = os.open(tmp_path / "fifo", os.O_WRONLY | os.O_NONBLOCK)
    for number in range(5000):
        os.write(writer, b"%08d " % number + b"x" * 90 + b"\n")  # never blocks: BlockingIOError would fail the test
        if number % 50 == 0:
            capture.pump()
    drain(capture)
    ballast.unlink()
    os.write(writer, b"tail of it\nafter\n")
    drain(capture)
    os.close(writer)
    drain(capture)
    capture.close()
    lines = (small_disk / "out").read_bytes().splitlines()
    notice = next(line for line in lines if line.startswith(b"[tolv]"))
    where = lines.index(notice)
    lost = int(notice.split(b" bytes in ")[1].split()[0])
    assert b"were lost here: No space left on device" in notice
    # The kernel fills the last page to its end: one line is cut in two, and ends where the notice begins.
    whole = [line for line in lines[:where] if len(line) == 99]
    kept = len(whole) + sum(1 for line in lines[where + 1 :] if line in (b"tail of it", b"after"))
    assert [int(line[:8]) for line in whole] == list(range(len(whole)))
    assert lost > 0
    assert kept + lost == 5002
    assert lines[-1] == b"after"


def test_a_log_that_cannot_be_opened_does_not_hold_up_the_process(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(capture_module, "RETRY", 0.0)
    (tmp_path / "logs").write_text("a file where the directory should be")
    with pytest.raises(NotADirectoryError):
        os.listdir(tmp_path / "logs")
    capture = Capture(str(tmp_path / "fifo"), str(tmp_path / "logs" / "out"))
    writer = os.open(tmp_path / "fifo", os.O_WRONLY)
    os.write(writer, b"lost\n")
    capture.pump()
    (tmp_path / "logs").unlink()
    os.write(writer, b"kept\n")
    capture.pump()
    assert (tmp_path / "logs" / "out").read_bytes().splitlines()[-1] == b"kept"


def test_the_living_processes_of_an_app_keep_within_their_quota_and_the_newest_lines_stay(tmp_path: Path) -> None:
    quota, captures, writers = Quota(1 << 20), [], []
    for name in ("loud", "quiet"):
        captures.append(Capture(str(tmp_path / f"{name}.fifo"), str(tmp_path / name)))
        quota.join(captures[-1])
        writers.append(os.open(tmp_path / f"{name}.fifo", os.O_WRONLY))
    for number in range(20_000):
        os.write(writers[0], b"%08d " % number + b"x" * 190 + b"\n")
        if number % 5 == 0:
            if number % 500 == 0:
                os.write(writers[1], b"%d\n" % number)
            for capture in captures:
                capture.pump()
                quota.wrote(capture.moved)
        assert sum(capture.held() for capture in captures) < (1 << 20) + (64 << 10)
    drain(captures[0])
    assert (tmp_path / "loud").stat().st_size == 20_000 * 200, "offsets stay"
    begin = os.lseek(captures[0]._file or 0, 0, os.SEEK_DATA)  # type: ignore[attr-defined]
    lines = (tmp_path / "loud").read_bytes()[begin:].splitlines()
    assert [int(line[:8]) for line in lines[1:]] == list(range(20_000 - len(lines) + 1, 20_000))
    # What is left of the index is that of the bytes that are left: it says of each when it came.
    records = [one for one in struct.iter_unpack("<QQ", (tmp_path / "loud.idx").read_bytes()) if one != (0, 0)]
    assert records[0][0] <= begin + 4096 * 64
    assert len(records) < 4000
    quota.leave(captures[1])
    quota.leave(captures[0])
    assert quota.unused
    for capture in captures:
        capture.close()
