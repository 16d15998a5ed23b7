"""A one-off in the deploy's own release that writes numbered lines: one that is missing from the log was lost."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from datetime import UTC, datetime
from types import TracebackType

from tolv.drill.model import Lines
from tolv.drill.scene import Scene, until

#: About twenty lines a second, as long as lines of logs are: a disk that is full for a while must be felt.
_SCRIPT = f'n=0; while :; do n=$((n+1)); echo "tolv drill, line $n {"." * 120}"; sleep 0.05; done'
_LINE = re.compile(r"tolv drill, line (\d+) \.+")
#: What the keeper writes in place of lines for which there was no room.
_NOTICE = re.compile(r"\[tolv\] .*?(\d+) lines? ")
_STARTS = 15.0


class Witness:
    """`with Witness(scene, limit) as witness: …`; it ends by itself after `limit` seconds if nobody ends it."""

    def __init__(self, scene: Scene, limit: float) -> None:
        self._scene = scene
        self._limit = limit
        self._since = ""
        self._process = ""
        self._handle: int | None = None
        self._kept = self._lost = self._announced = 0

    def __enter__(self) -> Witness:
        self._since = datetime.fromtimestamp(time.time() - 1, UTC).isoformat()
        body = {"command": ["/bin/sh", "-c", _SCRIPT], "detach": True, "tty": False, "by": "tolv drill"}
        started = self._scene.server.post(f"{self._scene.path}/one-offs", {**body, "time_limit": self._limit})
        self._process = started["process"]
        for row in self._scene.server.get(f"{self._scene.path}/processes"):
            if row["process"] == self._process and row["pid"]:
                with contextlib.suppress(ProcessLookupError):
                    self._handle = os.pidfd_open(row["pid"])
        until(lambda: self.newest() > 0, _STARTS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGTERM)
            os.close(self._handle)
            self._handle = None

    def newest(self) -> int:
        """The number of the last line that is in the log."""
        return max(self._read()[0], default=0)

    def lines(self) -> Lines:
        """What came since it was asked last. A number that is missing below the newest one is a line that was lost."""
        numbers, announced = self._read()
        kept, lost = len(numbers), max(numbers, default=0) - len(numbers)
        news = Lines(kept - self._kept, lost - self._lost, announced - self._announced)
        self._kept, self._lost, self._announced = kept, lost, announced
        return news

    def _read(self) -> tuple[set[int], int]:
        """The numbers in the log, read as `tolv logs` reads it, and how many lines it says were lost."""
        numbers, announced = set(), 0
        for line in self._scene.server.lines(f"{self._scene.path}/logs", process=self._process, since=self._since):
            if line["stream"] != "stdout":
                continue
            if found := _LINE.fullmatch(line["message"]):
                numbers.add(int(found[1]))
            elif notice := _NOTICE.match(line["message"]):
                announced += int(notice[1])
        return numbers, announced
