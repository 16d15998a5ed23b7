"""Builds as directories: unpacked once, read-only, and pointed at this machine's interpreter.

`layers/<diff id>/` holds a dependency layer, shared by all builds; `builds/<digest>/` holds the code, in `app`, and
what it needs of those. Both are made aside and renamed into place, so that what is there is whole. Their files are not
synced one by one: a note of the boot in which they were made says whether a power cut can have taken some, and then
they are made again from the blobs, which are.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from tolv.budgets import disk_usage
from tolv.build import image, layers
from tolv.build.environment import SYSTEM_PATH
from tolv.build.locks import placing
from tolv.build.model import Build, Layer, Runnable
from tolv.build.oci import Layout
from tolv.build.workshop import disk_error, remove_tree
from tolv.dependencies import language_named
from tolv.dependencies.model import Language, Runtime
from tolv.dependencies.node_modules import link_tree
from tolv.errors import PlatformError
from tolv.home import Home

_BOOT, _SIZE = "boot", "size"


def unpack(home: Home, digest: str) -> Runnable:
    """The directory of a build, made if it is not there, and what its processes need to run in it.

    Raises `UsageError` when there is no such build, `AppError` when this machine lacks its interpreter.
    """
    build, runtimes = image.read_image(Layout(home.images), digest)
    root = home.builds / _hex(digest)
    needed = [layer for layer in build.layers if layer.title != "code"]
    try:
        for layer in needed:
            ensure_layer(home, layer, runtimes)
        if not _is_whole(root):
            with placing(home):
                if not _is_whole(root):
                    _unpack_build(home, build, root)
    except OSError as error:
        raise disk_error(error, home) from error
    return runnable(digest, root, runtimes)


def runnable(digest: str, root: Path, runtimes: Sequence[Runtime]) -> Runnable:
    """What the processes of a build at `root` need."""
    directories: list[str] = []
    values: dict[str, str] = {}
    for language, runtime in _languages(runtimes):
        paths, variables = language.environment(runtime, root)
        directories += paths
        values |= variables
    path = tuple(dict.fromkeys((*directories, *SYSTEM_PATH)))
    return Runnable(digest, str(root / "app"), path, values, tuple(_reads(root, directories)))


def _reads(root: Path, directories: Sequence[str]) -> Iterator[str]:
    """Its own directory, its layers, and where its interpreters are installed, unless that is the system's."""
    yield str(root)
    for place in (root / "opt").glob("*"):
        if place.is_symlink():
            yield os.readlink(place)
    found = dict.fromkeys(one for directory in directories for one in _installations(Path(directory)))
    yield from (one for one in found if not one.startswith((f"{root}/", "/usr/", "/opt/", "/bin/")))


def _installations(directory: Path) -> Iterator[str]:
    """The prefix of each interpreter that can be run from a directory of the PATH, or that directory alone."""
    for name in ("python", "node"):
        program = directory / name
        if not program.exists():
            continue
        for place in (directory, program.resolve().parent):
            prefix = place.parent
            owned = (
                place.name == "bin" and (prefix / "lib").is_dir() and str(prefix) not in ("/", os.path.expanduser("~"))
            )
            yield str(prefix if owned else place)


def keep_layer(home: Home, layer: Layer, language: Language, runtime: Runtime, stage: Path) -> None:
    """Move a layer's tree, just made on this machine, to where unpacking would put it.

    One that is there stays, as another lock with the same packages has the same layer: processes run from it, and must
    not find it gone for the moment of an exchange.
    """
    target = home.layers / _hex(layer.diff_id)
    with placing(home):
        if not _is_ready(target, layer, (runtime,)):
            language.settle(stage / layer.prefix, target / layer.prefix)
            _put(stage, target)


def keep_build(home: Home, build: Build, stage: Path) -> None:
    """Move a build's tree, just made on this machine, to where unpacking would put it."""
    with placing(home):
        if not _is_whole(home.builds / _hex(build.digest)):
            _put(stage, home.builds / _hex(build.digest), own=True)


def furnish(home: Home, layer: Layer, root: Path) -> None:
    """Put an unpacked dependency layer into a build's tree.

    A virtual environment is a link to the shared layer. What lies inside `app` is hard-linked file by file, since Node
    looks for modules from where a file really is.
    """
    shared, place = home.layers / _hex(layer.diff_id) / layer.prefix, root / layer.prefix
    place.parent.mkdir(parents=True, exist_ok=True)
    if layer.prefix.startswith("app/"):
        link_tree(shared, place)
    else:
        place.symlink_to(shared)


def tree_size(root: Path) -> int:
    """Bytes that an unpacked layer or build takes on disk, without what is shared with others."""
    try:
        return int((root / _SIZE).read_text())
    except (OSError, ValueError):
        return disk_usage(root, own=True)


def ensure_layer(home: Home, layer: Layer, runtimes: Sequence[Runtime]) -> None:
    """Unpack a dependency layer, if it is not there yet or its interpreter is gone."""
    target = home.layers / _hex(layer.diff_id)
    if _is_ready(target, layer, runtimes):
        return
    with placing(home), _aside(home) as stage:
        if not _is_ready(target, layer, runtimes):
            layers.extract(_blob(home, layer), layer.digest, stage)
            for language, runtime in _languages(runtimes):
                if language.owns(layer.prefix):
                    language.attach(runtime, stage / layer.prefix)
                    language.settle(stage / layer.prefix, target / layer.prefix)
            _put(stage, target)


def _is_ready(target: Path, layer: Layer, runtimes: Sequence[Runtime]) -> bool:
    return _is_whole(target) and all(
        language.attached(runtime, target / layer.prefix)
        for language, runtime in _languages(runtimes)
        if language.owns(layer.prefix)
    )


def _unpack_build(home: Home, build: Build, root: Path) -> None:
    with _aside(home) as stage:
        for layer in build.layers:
            if layer.title == "code":
                layers.extract(_blob(home, layer), layer.digest, stage)
        for layer in build.layers:
            if layer.title != "code":
                furnish(home, layer, stage)
        _put(stage, root, own=True)


def _blob(home: Home, layer: Layer) -> Path:
    path = Layout(home.images).blob(layer.digest)
    if not path.is_file():
        raise PlatformError("a layer of the build is missing", where=str(path), remedy="build the commit again")
    return path


def _languages(runtimes: Sequence[Runtime]) -> Iterator[tuple[Language, Runtime]]:
    for runtime in runtimes:
        language = language_named(runtime.language)
        if language is None:
            raise PlatformError(f"this Tolv knows no {runtime.language}", remedy="upgrade Tolv")
        yield language, runtime


def _put(stage: Path, target: Path, *, own: bool = False) -> None:
    """Rename a finished tree to its place, read-only. Whatever lies there is not whole, and goes. `own`: its size is
    that of what it shares with no other tree."""
    for name, text in ((_SIZE, str(disk_usage(stage, own=own))), (_BOOT, _boot_id())):
        (stage / name).write_text(text)
        (stage / name).chmod(0o444)
    for entry in os.scandir(stage):
        if entry.is_dir(follow_symlinks=False):
            layers.make_read_only(Path(entry.path))
    target.parent.mkdir(mode=0o700, exist_ok=True)
    old = stage.with_name(f"{stage.name}-old")
    with contextlib.suppress(FileNotFoundError):
        os.chmod(target, 0o700)
        os.rename(target, old)
    os.rename(stage, target)
    os.chmod(target, 0o555)
    remove_tree(old)


def _is_whole(root: Path) -> bool:
    try:
        return (root / _BOOT).read_text() == _boot_id()
    except OSError:
        return False


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _hex(digest: str) -> str:
    return digest.partition(":")[2]


@contextlib.contextmanager
def _aside(home: Home) -> Iterator[Path]:
    stage = home.work / f"unpack-{uuid.uuid4().hex[:12]}"
    stage.mkdir(mode=0o755, parents=True)
    try:
        yield stage
    finally:
        remove_tree(stage)
