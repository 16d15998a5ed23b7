"""Code that looks after log files: rotates, archives, deletes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Source


@dataclass(frozen=True, slots=True)
class Upkeep:
    """One place that does it."""

    what: str
    line: int
    column: int


log_upkeep: Look[Upkeep] = Look("log_upkeep")

_LOGGER = re.compile(r"(?i)(?:^|[._])log(?:ger)?$")
_ROTATED = re.compile(r"\.log(?:\.\d+|\.gz)?$")
_MOVES = (
    "shutil.move",
    "os.rename",
    "os.replace",
    "os.remove",
    "os.unlink",
    "fs.rename",
    "fs.renameSync",
    "fs.unlinkSync",
)


@log_upkeep.reads(
    "python", "javascript", words=("archive", "rotate", "doRollover", "shutil", "rename", "renameSync", "remove")
)
def _read(source: Source) -> Iterator[Upkeep]:
    if not any(b"log" in word.lower() for word in source.words):
        return
    for call in source.calls(".rotate", ".archive", ".doRollover"):
        owner = call.written.rpartition(".")[0]
        if call.last == "doRollover" or _LOGGER.search(owner):
            yield Upkeep(f"{call.written}()", call.line, call.column)
    for call in source.calls(*_MOVES):
        path = call.argument(0)
        if path is not None and path.kind in ("literal", "template") and _ROTATED.search(path.text or ""):
            yield Upkeep(f"{call.written}()", call.line, call.column)
