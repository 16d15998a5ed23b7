"""Which Python an app asks for, and which of the machine's interpreters that is. Nothing is ever downloaded."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tolv.dependencies.versions import Version, parse_version, satisfies
from tolv.errors import AppError, PlatformError, UsageError

#: Overrides what an app asks for, on a machine that lacks it: the operator's word, and noted in the build. The command
#: line sends its own with each request; the server's own holds for all that come without.
OVERRIDE = "TOLV_PYTHON"

_PROBE = (
    "import json, sys, platform, sysconfig;"
    "print(json.dumps([platform.python_version(), sys.implementation.name, sys.base_prefix,"
    " getattr(sys, '_base_executable', None) or sys.executable,"
    " bool(sysconfig.get_config_var('Py_GIL_DISABLED'))]))"
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python of this machine."""

    version: str
    executable: Path
    """The real file, outside any virtual environment."""

    @property
    def parsed(self) -> Version:
        return parse_version(self.version)

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])


@dataclass(frozen=True, slots=True)
class Wish:
    """What an app asks for: a range or a prefix of a version, and the file that says so."""

    ranges: str
    where: str

    def allows(self, version: Version) -> bool:
        try:
            return satisfies(version, self.ranges)
        except ValueError as error:
            raise UsageError(str(error), where=self.where, remedy="write it as 3.12 or >=3.11") from None


def choose(
    tree: Path,
    wanted: str | None,
    override: str | None = None,
    fit: Callable[[Interpreter], int] = lambda interpreter: 0,
) -> tuple[Interpreter, str | None]:
    """The interpreter for an app, and a note when the operator overrode its wish.

    An exact wish (`tolv.toml`, `.python-version`, `runtime.txt`, Pipfile) is met to the letter; a range
    (`requires-python`) by the Python that Tolv itself runs on if it lies in it, else by the newest that does.
    `fit` counts what speaks against an interpreter (locked packages without a wheel for it); the fewest wins.

    Raises `AppError` when the machine has none that fits.
    """
    wish, note = _wish(tree, wanted), None
    if override := override or os.environ.get(OVERRIDE):
        if wish is not None:
            note = f"{OVERRIDE}={override} overrides python {wish.ranges} from {wish.where}"
        wish = Wish(override, OVERRIDE)
    found = interpreters()
    fitting = [one for one in found if wish is None or wish.allows(one.parsed)]
    if wish is None:
        fitting = [one for one in fitting if one.parsed >= (3, 9)] or fitting
    if not fitting:
        raise _missing(wish, found)
    own = parse_version(sys.version)[:2]
    return min(fitting, key=lambda one: (fit(one), one.parsed[:2] != own, [-part for part in one.parsed])), note


def find(version: str) -> Interpreter:
    """The interpreter for a build made for `version`: the same patch release, else the same minor one."""
    minor = parse_version(version)[:2]
    found = interpreters()
    same = [one for one in found if one.parsed[:2] == minor]
    if not same:
        raise _missing(Wish(".".join(map(str, minor)), "the build"), found)
    return next((one for one in same if one.version == version), same[0])


def interpreters() -> tuple[Interpreter, ...]:
    """Every CPython of this machine that can be used, the newest first, one for each version."""
    found: dict[str, Interpreter] = {}
    for path in _candidates():
        interpreter = _probe(path, path.stat().st_mtime_ns)
        if interpreter is not None:
            found.setdefault(interpreter.version, interpreter)
    return tuple(sorted(found.values(), key=lambda one: one.parsed, reverse=True))


def _missing(wish: Wish | None, found: tuple[Interpreter, ...]) -> AppError | PlatformError:
    if wish is None or not found:
        return PlatformError("this machine has no usable Python", remedy="install Python 3.11 or later")
    available = ", ".join(one.version for one in found)
    return AppError(
        f"the app asks for Python {wish.ranges}, and this machine has {available}",
        where=wish.where,
        remedy=f"install Python {wish.ranges} (pyenv, uv python install, your distribution), change {wish.where}, "
        f"or try another: {OVERRIDE}={_nearest(wish, found).minor} tolv up",
    )


def _nearest(wish: Wish, found: tuple[Interpreter, ...]) -> Interpreter:
    """The interpreter that is closest to what was asked for."""
    asked = [int(part) for part in re.findall(r"\d+", wish.ranges)[:2]]
    return min(found, key=lambda one: [abs(have - want) for have, want in zip(one.parsed, asked, strict=False)])


def _candidates() -> Iterator[Path]:
    """Executables named `python3.N`, each real file once; Tolv's own interpreter comes first."""
    seen: set[Path] = set()
    own = Path(getattr(sys, "_base_executable", None) or sys.executable)
    for path in (own, *_executables()):
        try:
            real = path.resolve(strict=True)
        except OSError:
            continue
        if real not in seen and os.access(real, os.X_OK):
            seen.add(real)
            yield real


def _executables() -> Iterator[Path]:
    home = Path("~").expanduser()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    managed = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or home / ".local/share/uv/python")
    installs = (pyenv / "versions", managed, home / ".local/share/mise/installs/python", Path("/opt/python"))
    directories = [Path(one) for one in os.environ.get("PATH", "").split(os.pathsep) if one.startswith("/")]
    directories += [Path("/usr/local/bin"), Path("/usr/bin")]
    directories += [one / "bin" for root in installs if root.is_dir() for one in sorted(root.iterdir())]
    for directory in dict.fromkeys(directories):
        if directory.name != "shims":
            with suppress(OSError):
                yield from _named(directory, directory.stat().st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _named(directory: Path, changed: int) -> tuple[Path, ...]:
    """What a directory has that is named like an interpreter. Raises OSError if it is none."""
    del changed  # part of the key: a directory in which something was added or removed is listed again
    return tuple(directory / name for name in sorted(os.listdir(directory)) if re.fullmatch(r"python3\.\d+", name))


@functools.lru_cache(maxsize=256)
def _probe(path: Path, changed: int) -> Interpreter | None:
    """Ask an executable what it is; None for what is broken, not CPython or a virtual environment's own."""
    del changed  # part of the key: an upgraded interpreter is asked again
    try:
        answer = subprocess.run(
            [path, "-I", "-S", "-c", _PROBE], capture_output=True, text=True, timeout=20, check=True, env={}
        )
        version, implementation, prefix, base, free_threaded = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    if implementation != "cpython" or free_threaded or not Path(prefix).is_dir():
        return None
    return Interpreter(version, Path(base).resolve())


def _wish(tree: Path, wanted: str | None) -> Wish | None:
    """The strictest thing that the app says, in the order in which people mean it."""
    if wanted:
        return Wish(wanted, "tolv.toml")
    for read in (_python_version, _runtime_txt, _pipfile, _pyproject):
        if wish := read(tree):
            return wish
    return None


def _python_version(tree: Path) -> Wish | None:
    path = tree / ".python-version"
    if not path.is_file():
        return None
    lines = [line.split("#")[0].strip() for line in path.read_text(errors="replace").splitlines()]
    names = [line.removeprefix("python-").removeprefix("cpython-") for line in lines if line]
    return Wish(names[0], ".python-version") if names and names[0] != "system" else None


def _runtime_txt(tree: Path) -> Wish | None:
    path = tree / "runtime.txt"
    match = re.match(r"\s*python-(\S+)", path.read_text(errors="replace")) if path.is_file() else None
    return Wish(match.group(1), "runtime.txt") if match else None


def _pipfile(tree: Path) -> Wish | None:
    requires = _toml(tree / "Pipfile").get("requires", {})
    version = requires.get("python_full_version") or requires.get("python_version")
    return Wish(str(version), "Pipfile") if version and version != "*" else None


def _pyproject(tree: Path) -> Wish | None:
    data = _toml(tree / "pyproject.toml")
    ranges = data.get("project", {}).get("requires-python")
    poetry = data.get("tool", {}).get("poetry", {}).get("dependencies", {}).get("python")
    found = ranges or (poetry.get("version") if isinstance(poetry, dict) else poetry)
    return Wish(str(found), "pyproject.toml") if found else None


def _toml(path: Path) -> dict[str, Any]:
    """A TOML file's content, `{}` when there is none.

    Raises `UsageError` for one that cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} is no valid TOML: {error}", where=path.name, remedy="correct the file") from None


read_toml = _toml
