"""Reading: merged by time, exact within a stream, whatever the bytes are; following without a gap."""

from __future__ import annotations

import asyncio
import itertools
import os
import struct
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tolv.logs.capture import Capture
from tolv.logs.model import LogLine, deploy_logs, process_log
from tolv.logs.reader import follow, read
from tolv.logs.retention import trim
from tolv.logs.writer import StampedLog, append, stamp


class Writer:
    """A process's log as the keeper would write it, at times that the test chooses."""

    def __init__(self, logs: Path, release: str, process: str, started: int, suffix: str = "abc") -> None:
        self.out, self.err = process_log(deploy_logs(logs, "app", "dev"), started, release, process, suffix)
        self.out.parent.mkdir(parents=True, exist_ok=True)

    def write(self, time: int, data: bytes, error: bool = False) -> None:
        path = self.err if error else self.out
        with path.open("ab") as file:
            file.write(data)
            end = file.tell()
        with path.with_name(path.name + ".idx").open("ab") as index:
            index.write(struct.pack("<QQ", end, time))


def messages(lines: Iterator[LogLine]) -> list[str]:
    return [line.message for line in lines]


def test_processes_streams_and_platform_are_one_stream_by_time(tmp_path: Path) -> None:
    web, worker = Writer(tmp_path, "v1", "web.1", 5), Writer(tmp_path, "v2", "worker-high.1", 10)
    web.write(10, b"a\nb\n")
    worker.write(20, b"c\n")
    web.write(30, b"d\n", error=True)
    web.write(40, b"e\n")
    StampedLog(deploy_logs(tmp_path, "app", "dev") / "platform.log").write("v2", "web.1", "ready: in 3 s", 25)
    lines = list(read(tmp_path, "app", "dev"))
    assert [(line.time, line.message) for line in lines] == [
        *((10, "a"), (10, "b"), (20, "c"), (25, "ready: in 3 s"), (30, "d"), (40, "e"))
    ]
    assert lines[2] == LogLine(20, "app", "dev", "v2", "worker-high.1", "stdout", "c")
    assert (lines[3].stream, lines[3].release, lines[3].process) == ("platform", "v2", "web.1")
    assert lines[4].stream == "stderr"


def test_a_selection_by_process_type_release_and_time(tmp_path: Path) -> None:
    for number, (release, process) in enumerate([("v1", "web.1"), ("v1", "web.2"), ("v2", "web.1"), ("v2", "webby.1")]):
        Writer(tmp_path, release, process, number).write(100 + number, f"{release} {process}\nx\n".encode())
    StampedLog(deploy_logs(tmp_path, "app", "dev") / "router.log").write("v2", "web.1", "GET /", 200)
    everything = {"logs": tmp_path, "app": "app", "environment": "dev"}
    assert messages(read(**everything, process="web", last=3)) == ["v2 web.1", "x", "GET /"]
    assert messages(read(**everything, process="web.2")) == ["v1 web.2", "x"]
    assert messages(read(**everything, release="v2", process="web")) == ["v2 web.1", "x", "GET /"]
    assert messages(read(**everything, since_ns=103)) == ["v2 webby.1", "x", "GET /"]
    assert messages(read(**everything, since_ns=101, last=2)) == ["x", "GET /"]
    assert messages(read(tmp_path, "app", "prod")) == []
    assert messages(read(tmp_path, "app", "dev", last=0)) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    streams=st.lists(
        st.lists(st.binary(max_size=40).map(lambda one: one.replace(b"\n", b"")), max_size=30), min_size=1, max_size=4
    ),
    cuts=st.lists(st.integers(1, 50), min_size=1, max_size=20),
    last=st.integers(0, 130),
)
def test_any_lines_cut_anywhere_come_back_whole_and_in_order(
    tmp_path: Path, streams: list[list[bytes]], cuts: list[int], last: int
) -> None:
    logs = tmp_path / os.urandom(4).hex()
    time = 100
    for number, lines in enumerate(streams):
        writer = Writer(logs, "v1", f"web.{number}", number)
        data, turn = b"".join(line + b"\n" for line in lines), 0
        while data:
            size = cuts[turn % len(cuts)]
            time, turn = time + 1, turn + 1
            writer.write(time, data[:size])
            data = data[size:]
    found = list(read(logs, "app", "dev"))
    for number, lines in enumerate(streams):
        mine = [line.message for line in found if line.process == f"web.{number}"]
        assert mine == [line.decode("utf-8", "backslashreplace") for line in lines]
    assert [line.time for line in found] == sorted(line.time for line in found)
    assert list(read(logs, "app", "dev", last=last)) == (found[-last:] if last else [])


def test_long_lines_binary_junk_nuls_and_a_partial_end_survive(tmp_path: Path) -> None:
    web = Writer(tmp_path, "v1", "web.1", 1)
    web.write(10, b"x" * (1 << 20) + b"\n")
    web.write(11, b"a\0b\xff\xfe\xc3\xa9\r\n\n")
    web.write(12, b"no end")
    found = messages(read(tmp_path, "app", "dev"))
    assert found == ["x" * (1 << 20), "a\0b\\xff\\xfeé\r", "", "no end"]
    assert messages(read(tmp_path, "app", "dev", last=2)) == ["", "no end"]


def test_the_last_lines_of_a_huge_file_are_read_from_its_end(tmp_path: Path) -> None:
    web = Writer(tmp_path, "v1", "web.1", 1)
    web.write(10, b"")
    os.truncate(web.out, 1 << 30)
    with web.out.open("r+b") as file:
        file.write(b"first\n")
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + b"".join(b"line %d\n" % number for number in range(1000)))
    with web.out.with_name(web.out.name + ".idx").open("ab") as index:
        index.write(struct.pack("<QQ", web.out.stat().st_size, 20))
    before = _bytes_read()
    assert messages(read(tmp_path, "app", "dev", last=100))[0] == "line 900"
    assert _bytes_read() - before < 4 << 20


def _bytes_read() -> int:
    with open("/proc/self/io") as file:
        return int(dict(line.split(":") for line in file)["rchar"])


def test_trimming_removes_the_dead_first_and_never_a_living_processs_newest_lines(tmp_path: Path) -> None:
    line = b"x" * 99 + b"\n"
    for number in range(5):
        Writer(tmp_path, "v1", "web.1", 10 + number, f"s{number}").write(10 + number, line * 10_000)
    living = Writer(tmp_path, "v2", "web.1", 50, "live")
    for number in range(100):
        living.write(100 + number, b"%05d " % number + line * 100)
    trim(tmp_path, "app", 2_500_000, keep={living.out.stem})
    left = sorted(path.name for path in living.out.parent.iterdir() if path.suffix == ".out")
    assert len(left) == 2
    assert left[-1] == living.out.name
    assert messages(read(tmp_path, "app", "dev"))[-1] == "x" * 99

    size = living.out.stat().st_size
    assert trim(tmp_path, "app", 300_000, keep={living.out.stem}) > 0
    assert living.out.stat().st_size == size, "offsets stay"
    assert living.out.stat().st_blocks * 512 <= 300_000 + 8192
    living.write(500, b"after\n")
    found = messages(read(tmp_path, "app", "dev"))
    assert found[-1] == "after"
    assert {one.lstrip("0123456789 ") for one in found[:-1]} == {"x" * 99}
    assert messages(read(tmp_path, "app", "dev", last=10**6)) == found
    assert messages(read(tmp_path, "app", "dev", since_ns=500)) == ["after"]


def test_a_crash_loop_of_empty_logs_is_bounded_too(tmp_path: Path) -> None:
    for number in range(30):
        Writer(tmp_path, "v1", "web.1", number, f"s{number}").write(1, b"")
    trim(tmp_path, "app", most=10)
    assert len(list(deploy_logs(tmp_path, "app", "dev").glob("*.out"))) == 10


def test_a_text_with_newlines_stays_one_line_of_a_stamped_log(tmp_path: Path) -> None:
    log = StampedLog(deploy_logs(tmp_path, "app", "dev") / "platform.log")
    log.write("v1", "", "one\ntwo", 5)
    log.write("", "web.1", "three", 6)
    assert [(one.release, one.process, one.message) for one in read(tmp_path, "app", "dev")] == [
        ("v1", "-", "one\\ntwo"),
        ("-", "web.1", "three"),
    ]


async def take(batches: AsyncIterator[list[LogLine]], count: int) -> list[str]:
    """The next lines, of which the last must end a batch."""
    found: list[str] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            found += [line.message for line in await anext(batches)]
    assert len(found) == count
    return found


def test_following_starts_with_the_last_lines_and_goes_on_without_a_gap(tmp_path: Path) -> None:
    async def story() -> None:
        web = Writer(tmp_path, "v1", "web.1", 1)
        web.write(10, b"a\nb\nc\npart")
        lines = follow(tmp_path, "app", "dev", last=2)
        assert await take(lines, 2) == ["b", "c"]
        web.write(11, b"ial\n")
        assert await take(lines, 1) == ["partial"]
        later = Writer(tmp_path, "v2", "web.1", 20)
        later.write(21, b"of the next release\n")
        web.write(22, b"last words\n")
        assert sorted(await take(lines, 2)) == ["last words", "of the next release"]
        later.write(23, b"no end in sight")
        assert await take(lines, 1) == ["no end in sight"]
        await lines.aclose()  # type: ignore[attr-defined]

    asyncio.run(story())


def test_following_waits_for_a_deploy_that_has_no_logs_yet_and_stops_when_told(tmp_path: Path) -> None:
    async def story() -> list[str]:
        stop = asyncio.Event()
        found = []

        async def listen() -> None:
            async for batch in follow(tmp_path, "app", "dev", process="web", stop=stop):
                found.extend(line.message for line in batch)
                stop.set()

        listening = asyncio.create_task(listen())
        await asyncio.sleep(0)
        Writer(tmp_path, "v1", "worker.1", 1).write(9, b"not wanted\n")
        Writer(tmp_path, "v1", "web.1", 1).write(10, b"first\n")
        async with asyncio.timeout(20):
            await listening
        return found

    assert asyncio.run(story()) == ["first"]


@pytest.mark.parametrize("size", [1 << 20, 9 << 20])
def test_following_passes_lines_of_many_megabytes(tmp_path: Path, size: int) -> None:
    async def story() -> str:
        web = Writer(tmp_path, "v1", "web.1", 1)
        lines = follow(tmp_path, "app", "dev", last=None)
        web.write(10, b"y" * size + b"\nend\n")
        text = ""
        async with asyncio.timeout(30):
            async for batch in lines:
                text += "".join(line.message for line in batch)
                if text.endswith("end"):
                    break
        await lines.aclose()  # type: ignore[attr-defined]
        return text

    assert asyncio.run(story()) == "y" * size + "end"


def test_a_reader_that_stalls_holds_up_no_writer(tmp_path: Path) -> None:
    async def story() -> None:
        out, _ = process_log(deploy_logs(tmp_path, "app", "dev"), 1, "v1", "web.1", "abc")
        capture = Capture(str(tmp_path / "fifo"), str(out))
        writer = os.open(tmp_path / "fifo", os.O_WRONLY | os.O_NONBLOCK)
        lines = follow(tmp_path, "app", "dev", last=None)
        os.write(writer, b"first\n")
        capture.pump()
        assert await take(lines, 1) == ["first"]
        for number in range(20_000):  # nobody reads, and no write blocks
            os.write(writer, b"%d\n" % number)
            if number % 1000 == 0:
                capture.pump()
        capture.pump()
        assert await take(lines, 20_000) == [str(number) for number in range(20_000)]
        await lines.aclose()  # type: ignore[attr-defined]
        os.close(writer)
        capture.close()

    asyncio.run(story())


def test_a_slow_follower_gets_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(step=2)  # whoever takes the lines needs seconds for each look
    monkeypatch.setattr("tolv.logs.reader.time", SimpleNamespace(monotonic=lambda: next(clock), time_ns=time.time_ns))

    async def story() -> None:
        web = Writer(tmp_path, "v1", "web.1", 1)
        web.write(10, b"begin\n")
        lines = follow(tmp_path, "app", "dev", last=None)
        assert await take(lines, 1) == ["begin"]
        web.write(20, b"".join(b"%d\n" % number for number in range(1_000_000)))
        assert await take(lines, 1_000_000) == [str(number) for number in range(1_000_000)]
        await lines.aclose()  # type: ignore[attr-defined]

    asyncio.run(story())


def test_a_follower_that_comes_too_late_is_told_how_much_it_missed(tmp_path: Path) -> None:
    line = b"%06d " + b"x" * 92 + b"\n"

    async def story() -> None:
        web = Writer(tmp_path, "v1", "web.1", 1)
        web.write(10, b"begin\n")
        batches = follow(tmp_path, "app", "dev", last=None)
        assert await take(batches, 1) == ["begin"]
        web.write(20, b"".join(line % number for number in range(60_000)))
        assert trim(tmp_path, "app", 1 << 20, keep={web.out.stem}) > 0
        found: list[str] = []
        async with asyncio.timeout(20):
            while not found or not found[-1].startswith("059999"):
                found += [one.message for one in await anext(batches)]
        missed = int(found[0].removeprefix("[tolv] ").split(" bytes were dropped here")[0])
        assert missed + sum(len(one) + 1 for one in found[1:]) == 60_000 * 100
        assert [int(one[:6]) for one in found[1:]] == list(range(60_000 - len(found) + 1, 60_000))
        web.write(30, b"".join(line % number for number in range(60_000)))
        found = [one.message for one in await anext(batches)]
        web.out.unlink()
        async with asyncio.timeout(20):
            while not found[-1].startswith("[tolv] "):
                found += [one.message for one in await anext(batches)]
        assert int(found[-1].split()[1]) + sum(len(one) + 1 for one in found[:-1]) == 60_000 * 100
        await batches.aclose()  # type: ignore[attr-defined]

    asyncio.run(story())


def test_a_reader_that_retention_overtakes_in_mid_file_goes_on_behind_the_hole(tmp_path: Path) -> None:
    web = Writer(tmp_path, "v1", "web.1", 1)
    web.write(10, b"".join(b"%06d " % number + b"x" * 92 + b"\n" for number in range(60_000)))
    lines = read(tmp_path, "app", "dev")
    assert next(lines).message.startswith("000000")
    trim(tmp_path, "app", 1 << 20, keep={web.out.stem})
    rest = messages(lines)
    told = [one for one in rest if one.startswith("[tolv]")]
    assert len(told) == 1
    missed = int(told[0].split()[1])
    assert 100 + missed + sum(len(one) + 1 for one in rest if one not in told) == 60_000 * 100
    assert not any("\0" in one for one in rest)


def test_a_stamped_log_keeps_within_its_bound_and_its_lines_stay_whole(tmp_path: Path) -> None:
    path = deploy_logs(tmp_path, "app", "dev") / "router.log"
    for number in range(3000):
        append(path, stamp("v1", "router", f"{number:06d} " + "x" * 200, number), limit=100_000)
        assert path.stat().st_blocks * 512 <= 100_000 + 8192
    found = messages(read(tmp_path, "app", "dev"))
    assert len(found) > 300
    assert [int(one[:6]) for one in found] == list(range(3000 - len(found), 3000))


def test_lines_of_tolvs_own_that_a_full_disk_did_not_take_are_counted(tmp_path: Path) -> None:
    directory = deploy_logs(tmp_path, "app", "dev")
    directory.parent.mkdir(parents=True)
    directory.write_text("a file where the directory should be")
    log = StampedLog(directory / "platform.log")
    log.write("v1", "web.1", "starting")
    log.write("v1", "web.1", "ready")
    directory.unlink()
    log.write("v1", "web.1", "stopping")
    assert messages(read(tmp_path, "app", "dev")) == [
        "2 lines of this process were lost: the log could not be written",
        "stopping",
    ]
