"""Tolv's own log lines: they hold no descriptor, and no full disk stops what they tell of."""

from __future__ import annotations

import os
from pathlib import Path

from tolv.logs.model import deploy_logs
from tolv.logs.reader import read
from tolv.logs.writer import StampedLog


def test_a_log_that_was_written_to_holds_no_descriptor(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    logs = [StampedLog(deploy_logs(tmp_path, "app", "dev") / "platform.log") for _ in range(20)]
    for log in logs:
        log.write("v1", "web.1", "ready")
    assert set(os.listdir("/proc/self/fd")) <= before
    assert len(list(read(tmp_path, "app", "dev"))) == 20


def test_what_a_full_disk_cost_is_said_when_there_is_room_again(tmp_path: Path) -> None:
    path = deploy_logs(tmp_path, "app", "dev") / "platform.log"
    path.parent.mkdir(parents=True)
    path.symlink_to("/dev/full")
    log = StampedLog(path)
    log.write("v1", "web.1", "starting")
    log.write("v1", "web.1", "ready")
    path.unlink()
    log.write("v1", "web.1", "stopped")
    said = [one.message for one in read(tmp_path, "app", "dev")]
    assert said == ["2 lines of this process were lost: the log could not be written", "stopped"]
