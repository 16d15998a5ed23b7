"""A virtual environment that is the same tree wherever it is made: written by hand, filled by uv, cleaned, compiled."""

from __future__ import annotations

import contextlib
import csv
import email.parser
import io
import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from tolv.dependencies.model import Context, Package
from tolv.dependencies.python_runtime import OVERRIDE, Interpreter, interpreters
from tolv.dependencies.versions import satisfies
from tolv.errors import AppError, PlatformError

#: What installers leave that differs from one installation to the next, or names where a package came from.
_NOISE = frozenset({"direct_url.json", "uv_cache.json", "uv_build.json", "REQUESTED"})

#: How a script of a relocatable environment begins: a shell that has Python run the file.
_LOOKS_FOR_PYTHON = b"""\
#!/bin/sh
'\'\'exec' "$(dirname -- "$(realpath -- "$0")")"/'python' "$0" "$@"
' \'\'\'
"""
#: Bytes of a script's first line that Linux reads.
_FIRST_LINE = 255

#: Where Python lies in the image.
IMAGE_BIN = "/usr/local/bin"


def uv() -> str:
    """The uv that came with Tolv.

    Raises `PlatformError` when it is gone.
    """
    try:
        import uv as package

        return os.fsdecode(package.find_uv_bin())
    except (ImportError, FileNotFoundError):
        raise PlatformError("uv is missing, which installs Python packages", remedy="pip install uv") from None


def make_venv(prefix: Path, interpreter: Interpreter) -> None:
    """An empty virtual environment on `interpreter`, relocatable as uv understands it."""
    (prefix / "bin").mkdir(parents=True)
    (prefix / "lib" / f"python{interpreter.minor}" / "site-packages").mkdir(parents=True)
    (prefix / "lib64").symlink_to("lib")
    (prefix / "bin" / "python3").symlink_to("python")
    (prefix / "bin" / f"python{interpreter.minor}").symlink_to("python")
    point_at(prefix, interpreter)


def point_at(prefix: Path, interpreter: Interpreter) -> None:
    """Make a virtual environment run on an interpreter of this machine."""
    (prefix / "bin").chmod(0o755)
    python = prefix / "bin" / "python"
    python.unlink(missing_ok=True)
    python.symlink_to(interpreter.executable)
    (prefix / "pyvenv.cfg").unlink(missing_ok=True)
    (prefix / "pyvenv.cfg").write_bytes(pyvenv_cfg(str(interpreter.executable.parent), interpreter.version))


def name_interpreter(prefix: Path, place: Path) -> None:
    """Have the scripts of a virtual environment that moves to `place` name its interpreter themselves.

    In the image they look for it, by a shell and two programs more, at each start of an app. A path that the kernel
    does not take in a first line stays looked for.
    """
    line = b"#!" + os.fsencode(place / "bin" / "python") + b"\n"
    if len(line) > _FIRST_LINE or re.search(rb"\s", line[:-1]):
        return
    for path in (prefix / "bin").iterdir():
        if path.is_symlink() or not path.is_file():
            continue
        with path.open("rb") as file:
            start = file.read(len(_LOOKS_FOR_PYTHON))
            rest = file.read() if start == _LOOKS_FOR_PYTHON else b""
        if start == _LOOKS_FOR_PYTHON:
            mode = path.stat().st_mode
            path.unlink()  # it may be a hard link into uv's cache
            path.write_bytes(line + rest)
            path.chmod(mode)


def pyvenv_cfg(home: str, version: str) -> bytes:
    """The file that makes a directory a virtual environment."""
    return (
        f"home = {home}\nimplementation = CPython\nversion_info = {version}\n"
        "include-system-site-packages = false\nrelocatable = true\n"
    ).encode()


def portable(version: str) -> Mapping[str, str | bytes]:
    """What stands in the image for the two things that name this machine."""
    minor = ".".join(version.split(".")[:2])
    return {"bin/python": f"{IMAGE_BIN}/python{minor}", "pyvenv.cfg": pyvenv_cfg(IMAGE_BIN, version)}


def clean(site_packages: Path) -> tuple[Package, ...]:
    """Take out what differs between two installations of the same packages; returns what is installed."""
    packages = []
    for info in sorted(site_packages.glob("*.dist-info")):
        for name in _NOISE:
            (info / name).unlink(missing_ok=True)
        _clean_record(info / "RECORD")
        packages.append(_package(info))
    return tuple(sorted(packages, key=lambda one: one.name))


def _clean_record(record: Path) -> None:
    if not record.is_file():
        return
    rows = [row for row in csv.reader(record.read_text().splitlines()) if row]
    kept = sorted(row for row in rows if row[0].rpartition("/")[2] not in _NOISE and not row[0].endswith(".pyc"))
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(kept)
    record.unlink()  # it may be a hard link into uv's cache
    record.write_text(out.getvalue())


def _package(info: Path) -> Package:
    with (info / "METADATA").open(encoding="utf-8", errors="replace") as file:
        metadata = email.parser.HeaderParser().parse(file)
    name = str(metadata["Name"]).lower().replace("_", "-").replace(".", "-")
    version = str(metadata["Version"])
    return Package(name, version, f"pkg:pypi/{name}@{version}", metadata["License-Expression"] or None)


#: Files, for as many of which each a compiler is worth its start.
_A_FEW = 16


def start_compiler(python: Path, context: Context) -> None:
    """Have a compiler wait for the few files that a change to code brings: its start takes longer than they do."""
    with contextlib.suppress(OSError):  # then each is started when it is needed
        context.helpers[_name(python)] = _compiler(python, subprocess.PIPE)


def compile_bytecode(interpreter: Interpreter, files: Sequence[Path], root: Path, shown: str, context: Context) -> None:
    """Compile `files` on as many processors as there are; `shown` stands for `root` in what is written."""
    python = interpreter.executable
    waiting = context.helpers.pop(_name(python), None) if len(files) < 2 * _A_FEW else None
    if waiting is not None:
        with contextlib.suppress(BrokenPipeError):  # it died: its status says so
            waiting.communicate(_work(files, root, shown))
        statuses = [waiting.wait()]
    else:
        workers = max(1, min(os.cpu_count() or 1, len(files) // _A_FEW))
        running: list[subprocess.Popen[bytes]] = []
        for index in range(workers):
            path = context.scratch / f"bytecode-{index}"
            path.write_bytes(_work(files[index::workers], root, shown))
            with path.open("rb") as stdin:
                running.append(_compiler(python, stdin))
        statuses = [process.wait() for process in running]
    if any(statuses):
        raise PlatformError("byte code cannot be written", where=str(root), remedy="free some space and build again")


def _compiler(python: Path, stdin: int | IO[bytes]) -> subprocess.Popen[bytes]:
    command = [str(python), "-S", "-s", str(Path(__file__).with_name("bytecode.py"))]
    return subprocess.Popen(command, stdin=stdin, stderr=subprocess.DEVNULL, env={"PYTHONHASHSEED": "0"})


def _name(python: Path) -> str:
    return f"byte code by {python}"


def _work(files: Sequence[Path], root: Path, shown: str) -> bytes:
    return b"".join(os.fsencode(one) + b"\0" for one in (str(root), shown, *map(str, files)))


def python_files(root: Path) -> list[Path]:
    """Every Python file below `root`, in order."""
    return sorted(Path(directory, name) for directory, _, names in os.walk(root) for name in _sources(names))


def _sources(names: Iterable[str]) -> Iterable[str]:
    return (name for name in names if name.endswith(".py"))


def install(
    context: Context, prefix: Path, interpreter: Interpreter, command: Sequence[str], tree: Path, lockfile: str
) -> tuple[Package, ...]:
    """Fill the virtual environment at `prefix` by a command of uv's, run in the app's tree."""
    try:
        context.run(
            [uv(), *command, "--quiet"],
            cwd=tree,
            environment={"UV_PROJECT_ENVIRONMENT": str(prefix), "VIRTUAL_ENV": str(prefix)},
            failure=f"the dependencies in {lockfile} cannot be installed",
            remedy="run `uv lock` and commit uv.lock"
            if lockfile == "uv.lock"
            else f"correct {lockfile}, or see whether the package index can be reached",
        )
    except AppError as error:
        if remedy := _other_python(error.problem):
            raise AppError(error.problem, where=error.where, remedy=remedy) from None
        raise
    site_packages = prefix / "lib" / f"python{interpreter.minor}" / "site-packages"
    _add_setuptools(context, prefix, interpreter, site_packages)
    packages = clean(site_packages)
    (prefix / ".lock").unlink(missing_ok=True)
    compile_bytecode(interpreter, python_files(prefix / "lib"), prefix, "/opt/venv", context)
    return packages


_WRONG_PYTHON = re.compile(r"(?:does not satisfy|requires|depends on) Python *((?:[<>=!~]=?[\d.*]+,?)+)")


def _other_python(complaint: str) -> str | None:
    """What to do when the packages need another Python than the one that was taken, the app having named none."""
    match = _WRONG_PYTHON.search(complaint)
    if match is None:
        return None
    ranges = match.group(1).rstrip(",")
    fitting = [one for one in interpreters() if satisfies(one.parsed, ranges)]
    if not fitting:
        return f"install Python {ranges} (pyenv, uv python install, your distribution)"
    minor = fitting[0].minor
    return f"say which Python the app needs: {minor} in a file .python-version; or try it: {OVERRIDE}={minor} tolv up"


_PKG_RESOURCES = re.compile(rb"^(?:import|from) pkg_resources\b", re.MULTILINE)


def _add_setuptools(context: Context, prefix: Path, interpreter: Interpreter, site_packages: Path) -> None:
    """Install setuptools where a package imports `pkg_resources` and the lock leaves it out.

    Before Python 3.12 every virtual environment had setuptools, and lockfiles of that time rely on it. It comes from
    the wheel that the interpreter carries for that purpose.
    """
    if interpreter.parsed >= (3, 12) or (site_packages / "pkg_resources").is_dir():
        return
    library = interpreter.executable.parent.parent / "lib" / f"python{interpreter.minor}" / "ensurepip" / "_bundled"
    wheels = [*library.glob("setuptools-*.whl"), *Path("/usr/share/python-wheels").glob("setuptools-*.whl")]
    if wheels and any(_PKG_RESOURCES.search(path.read_bytes()) for path in python_files(site_packages)):
        context.report("adding setuptools, which a package imports and the lock leaves out")
        python = str(prefix / "bin" / "python")
        context.run(
            [uv(), "pip", "install", "--python", python, "--no-deps", "--no-index", "--quiet", str(wheels[0])],
            cwd=prefix,
            failure="setuptools cannot be installed",
        )
