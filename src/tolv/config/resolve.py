"""Reading what a reference refers to: a file, a variable of the server, or a store of secrets through its own tool.

The tools are those that a person uses, signed in as they are for whoever runs the server: `op` (1Password) and `vault`
(HashiCorp Vault, OpenBao). A tool gets the reference on its command line, never a secret. What it prints is the value;
nothing of it, nor of what it says on standard error, is logged or shown.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress

from tolv.config.names import check_variable
from tolv.config.references import FORMS, Reference
from tolv.errors import PlatformError, UsageError

#: Seconds that reading one reference may take; `TOLV_REFERENCE_DEADLINE` sets another number.
_DEADLINE = 20.0
#: Bytes that are read: more than any variable can hold.
_LARGEST = 1 << 18
#: References that are read at once.
_AT_ONCE = 4
#: Seconds until a tool that was killed is gone.
_GONE_WITHIN = 5.0


class _CannotRead(Exception):
    """Why a reference gives no value."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.remedy = remedy


async def resolve(
    wanted: Mapping[str, Reference], environment: Mapping[str, str] = os.environ
) -> dict[str, Reference | PlatformError]:
    """Each variable's reference with its value as it is now, or why there is none."""
    turns = asyncio.Semaphore(_AT_ONCE)
    seconds = _deadline(environment)

    async def one(name: str, reference: Reference) -> Reference | PlatformError:
        async with turns:
            try:
                return await _resolved(name, reference, environment, seconds)
            except PlatformError as error:
                return error

    found = await asyncio.gather(*(one(name, reference) for name, reference in wanted.items()))
    return dict(zip(wanted, found, strict=True))


async def _resolved(name: str, reference: Reference, environment: Mapping[str, str], seconds: float) -> Reference:
    try:
        value = _text(await _read(reference.text, environment, seconds))
        check_variable(name, value)
    except _CannotRead as error:
        problem, remedy = str(error), error.remedy
    except UsageError as error:
        problem, remedy = error.problem, "see that it refers to what is meant"
    else:
        return Reference(reference.text, value)
    raise PlatformError(f"{name} cannot be read: {problem}", where=reference.text, remedy=remedy)


async def _read(text: str, environment: Mapping[str, str], seconds: float) -> bytes:
    start = next(one for one in FORMS if text.startswith(one))
    match = FORMS[start][0].fullmatch(text)
    assert match is not None
    if start == "env:":
        return _variable(match[1], environment)
    if start == "file:":
        try:
            async with asyncio.timeout(seconds):
                return _without_line_end(await asyncio.to_thread(_file, match[1]))
        except TimeoutError:
            raise _CannotRead(f"the file did not come within {seconds:g} s", "see that its disk is there") from None
    if start == "op://":
        return await _printed(("op", "read", "--no-newline", match[1]), environment, seconds)
    return await _printed(("vault", "kv", "get", f"-field={match[2]}", match[1]), environment, seconds)


def _variable(name: str, environment: Mapping[str, str]) -> bytes:
    if name not in environment:
        remedy = "start the server with it: `tolv server stop --leave-running`, then any command where it is set"
        raise _CannotRead(f"the server's environment has no {name}", remedy)
    return os.fsencode(environment[name])


def _file(path: str) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise _CannotRead("that is no file", "name a regular file")
            return os.read(handle, _LARGEST)
        finally:
            os.close(handle)
    except OSError as error:
        raise _CannotRead(f"{error.strerror}", "make the file, readable for the user that the server runs as") from None


def _without_line_end(content: bytes) -> bytes:
    """A line without its end, which editors and `echo` add; a text of several lines (a key) as it is."""
    line = content.removesuffix(b"\n").removesuffix(b"\r")
    return content if b"\n" in line else line


async def _printed(command: Sequence[str], environment: Mapping[str, str], seconds: float) -> bytes:
    """What a tool prints. Raises `_CannotRead`, and leaves no process behind, whatever it does."""
    tool = command[0]
    by_hand = f"see what this says, as the user that the server runs as: {shlex.join(command)}"
    path = shutil.which(tool, path=environment.get("PATH", os.defpath))
    if path is None:
        raise _CannotRead(f"there is no `{tool}` on the PATH of the server", f"install {tool}, and sign in with it")
    try:
        child = await asyncio.create_subprocess_exec(
            path,
            *command[1:],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd="/",
            env=dict(environment),
            start_new_session=True,
        )
    except OSError as error:
        raise _CannotRead(f"`{tool}` cannot be started: {error.strerror}", by_hand) from None
    try:
        async with asyncio.timeout(seconds):
            content = await _at_most(child.stdout, _LARGEST)
            if len(content) >= _LARGEST:
                raise _CannotRead(f"`{tool}` printed more than a variable can hold", by_hand)
            code = await child.wait()
    except TimeoutError:
        await _end(child)
        raise _CannotRead(f"`{tool}` did not answer within {seconds:g} s", by_hand) from None
    except BaseException:
        await _end(child)
        raise
    if code != 0:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit status {code}"
        raise _CannotRead(f"`{tool}` {how}", by_hand)
    return content


async def _at_most(stream: asyncio.StreamReader | None, size: int) -> bytes:
    assert stream is not None
    content = b""
    while len(content) < size and (part := await stream.read(size - len(content))):
        content += part
    return content


async def _end(child: asyncio.subprocess.Process) -> None:
    """Kill a tool that did not come to its end, with all that it started, and hear no more of what still holds its
    output."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(_GONE_WITHIN):
            await child.wait()
    child._transport.close()  # type: ignore[attr-defined]  # asyncio has no other way
    await asyncio.sleep(0)  # the loop closes the pipe


def _text(content: bytes) -> str:
    if not content:
        raise _CannotRead("it is empty", "give it a value there")
    if len(content) >= _LARGEST:
        raise _CannotRead("it is more than a variable can hold", "see that it refers to what is meant")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _CannotRead("it is not UTF-8", "encode it, as base64") from None


def _deadline(environment: Mapping[str, str]) -> float:
    text = environment.get("TOLV_REFERENCE_DEADLINE", "")
    try:
        seconds = float(text) if text else _DEADLINE
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        remedy = "set it to seconds, 3600 at most, where the server is started"
        raise UsageError(f"TOLV_REFERENCE_DEADLINE={text} is no deadline", remedy=remedy)
    return seconds
