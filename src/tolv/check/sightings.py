"""Taking what the looks ask for from every source file: in parallel, and only once for the same content."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tolv.check.cache import Cache
from tolv.check.languages import make_source
from tolv.check.limits import LARGEST_SOURCE
from tolv.check.look import LOOKS
from tolv.check.source import Import, Source
from tolv.codebase.context import classify_content
from tolv.codebase.survey import File, read_bytes

#: How the reason for an unread file begins where it is a fault of Tolv's.
FAULT = "Tolv failed on it"

Progress = Callable[[int, int], None]

#: Bytes of source below which starting processes takes longer than they save.
_WORTH_PROCESSES = 600_000
#: Files that a process is given at a time.
_CHUNK = 64


@dataclass(slots=True)
class Taken:
    """What was taken from one file."""

    sightings: dict[str, list[Any]] = field(default_factory=dict)
    """By the look's name; looks that found nothing are not there."""
    broken: str | None = None
    """Why it could not be parsed."""
    lines: int = 0
    skipped: bool = False
    """Its content is a machine's: minified or generated."""
    imports: tuple[Import, ...] | None = None
    """All imports; None: no rule has asked for them yet."""


@dataclass(slots=True)
class Sightings:
    """All that was taken, by path."""

    by_path: dict[str, Taken] = field(default_factory=dict)
    unread: list[tuple[str, str]] = field(default_factory=list)
    cache: Cache | None = None

    def imports(self, path: str, read: Callable[[], tuple[Import, ...]]) -> tuple[Import, ...]:
        """The imports of a file, which is `read` for them where nobody has asked before."""
        taken = self.by_path.get(path)
        if taken is None:
            return read()
        if taken.imports is None:
            taken.imports = read()
            if self.cache is not None:
                self.cache.changed = True
        return taken.imports

    def keep(self) -> None:
        """Have the cache written, if there is anything new in it."""
        if self.cache is not None and self.cache.changed:
            self.cache.save()


def take(root: Path, files: Sequence[File], cache: Cache | None, progress: Progress | None = None) -> Sightings:
    """Read every source file that has a language. What cannot be read is in `unread`."""
    found = Sightings(cache=cache)
    wanted = []
    for file in files:
        if file.language is None:
            continue
        if file.size > LARGEST_SOURCE:
            found.unread.append((file.path, f"larger than {LARGEST_SOURCE >> 20} MiB"))
        else:
            wanted.append(file)
    left = _known(root, wanted, cache, found) if cache is not None and cache.entries else wanted
    done = len(wanted) - len(left)
    if progress:
        progress(done, len(wanted))
    for results in _read_all(root, left):
        for path, digest, taken in results:
            if isinstance(taken, str):
                found.unread.append((path, taken))
                continue
            found.by_path[path] = taken
            if cache is not None:
                cache.entries[digest] = taken
                cache.changed = True
        done += len(results)
        if progress:
            progress(done, len(wanted))
    return found


def digest_of(language: str, data: bytes) -> bytes:
    """The key of a file's content: nothing of its place enters it."""
    return hashlib.blake2b(data, digest_size=16, person=language.encode()[:16]).digest()


def take_from(source: Source) -> Taken:
    """What all looks take from one file."""
    taken = Taken(lines=source.data.count(b"\n"))
    for name, look in LOOKS.items():
        reader = look.readers.get(source.language)
        if reader is None or not reader.wants(source.words, source.lower):
            continue
        try:
            sightings = list(reader.read(source))
        except RecursionError:
            taken.broken = "nested too deeply"
            break
        if sightings:
            taken.sightings[name] = sightings
    if source.parsed and taken.broken is None:
        taken.broken = source.broken
    return taken


def _known(root: Path, files: Iterable[File], cache: Cache, found: Sightings) -> list[File]:
    """Take what the cache knows; the files that are left."""
    left = []
    for file in files:
        try:
            digest = digest_of(file.language or "", read_bytes(root, file.path))
        except OSError as error:
            found.unread.append((file.path, error.strerror or str(error)))
            continue
        known = cache.get(digest)
        if known is None:
            left.append(file)
        else:
            found.by_path[file.path] = known
    return left


_Result = tuple[str, bytes, Taken | str]


def _read_all(root: Path, files: Sequence[File]) -> Iterable[list[_Result]]:
    chunks = [
        (str(root), [(file.path, file.language or "") for file in files[start : start + _CHUNK]])
        for start in range(0, len(files), _CHUNK)
    ]
    workers = min(len(os.sched_getaffinity(0)), 8)
    if workers < 2 or len(chunks) < 2 or sum(file.size for file in files) < _WORTH_PROCESSES:
        yield from map(_read_chunk, chunks)
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield from pool.map(_read_chunk, chunks)


@contextlib.contextmanager
def no_garbage() -> Iterator[None]:
    """Syntax trees and sightings hold no cycles: looking for some among millions of objects takes a tenth of all
    time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _read_chunk(chunk: tuple[str, list[tuple[str, str]]]) -> list[_Result]:
    root, files = chunk
    with no_garbage():
        return [_read_one(Path(root), path, language) for path, language in files]


def _read_one(root: Path, path: str, language: Any) -> _Result:
    try:
        data = read_bytes(root, path)
    except OSError as error:
        return path, b"", error.strerror or str(error)
    digest = digest_of(language, data)
    if classify_content(path, data[:4096]) is not None:
        return path, digest, Taken(lines=data.count(b"\n"), skipped=True)
    try:
        return path, digest, take_from(make_source(path, language, data))
    except Exception as error:  # a fault of ours in one file must not cost the others; the report names it
        return path, digest, f"{FAULT}: {type(error).__name__}: {error}"
