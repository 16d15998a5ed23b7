"""The connection to a gate (`gate.py`): it is started, asked, and gone when either side is."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tolv.errors import PlatformError
from tolv.home import socket_address

Start = Callable[[list[str]], Awaitable[int]]
Answer = tuple[dict[str, Any], list[int]]

#: Seconds in which a gate must be up, and in which it must answer.
START_DEADLINE, ANSWER_DEADLINE = 15.0, 10.0
_GATE = Path(__file__).with_name("gate.py")
#: Bytes of the gate's longest packet.
_PACKET = 1 << 18


class GateControl:
    """Asks a gate. `pid` is its process; `on_end` is called when it is gone, or let go."""

    def __init__(self, control: socket.socket, pid: int) -> None:
        self.pid = pid
        self.on_end: Callable[[], None] = lambda: None
        self._control = control
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Answer]] = {}
        self._open = True
        asyncio.get_running_loop().add_reader(control, self._receive)

    @classmethod
    async def start(cls, directory: Path, start: Start) -> GateControl:
        """Have `start` run a gate, whose socket lies in `directory` until it has connected. Raises `PlatformError`."""
        path = directory / f"gate-{os.getpid()}-{random.randrange(1 << 40):x}.sock"
        with contextlib.ExitStack() as cleanup:
            listener = cleanup.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            listener.bind(socket_address(path))
            cleanup.callback(path.unlink, missing_ok=True)
            listener.listen(1)
            listener.setblocking(False)
            pid = await start([sys.executable, "-I", "-S", str(_GATE), str(path)])
            control, said = await _meet(listener, pid)
        if "refused" in said:
            control.close()
            raise _impossible(said["refused"])
        return cls(control, pid)

    def tell(self, op: str, **arguments: Any) -> int:
        """Say something that has no answer; what the gate does afterwards follows from it. Raises `PlatformError`."""
        number = next(self._numbers)
        try:
            if self._open:
                self._control.send(json.dumps({"id": number, "op": op, **arguments}).encode())
        except ConnectionError:
            self.close()
        if not self._open:
            raise _gone()
        return number

    async def ask(self, op: str, **arguments: Any) -> Answer:
        """The answer, and the descriptors that come with it. Raises `PlatformError`."""
        number = self.tell(op, **arguments)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            async with asyncio.timeout(ANSWER_DEADLINE):
                return await answer
        except TimeoutError:
            raise _gone() from None
        finally:
            del self._answers[number]

    def close(self) -> None:
        """Let go of it, which ends it."""
        if not self._open:
            return
        self._open = False
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        for waiting in self._answers.values():
            if not waiting.done():
                waiting.set_exception(_gone())
        self.on_end()

    def _receive(self) -> None:
        try:
            packet, descriptors, _, _ = socket.recv_fds(self._control, _PACKET, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except ConnectionError:
            packet, descriptors = b"", []
        if not packet:
            self.close()
            return
        answer = json.loads(packet)
        waiting = self._answers.get(answer["id"])
        if waiting is not None and not waiting.done():
            waiting.set_result((answer, descriptors))
            return
        for one in descriptors:  # whoever asked has gone
            os.close(one)


async def _meet(listener: socket.socket, pid: int) -> tuple[socket.socket, dict[str, Any]]:
    """The connection of the gate, process `pid`, and what it says first. Raises `PlatformError`."""
    loop = asyncio.get_running_loop()
    meeting = asyncio.ensure_future(_accept_gate(listener, pid))
    handle = -1
    try:
        handle = os.pidfd_open(pid)
        loop.add_reader(handle, meeting.cancel)  # it ends before it has connected
        async with asyncio.timeout(START_DEADLINE):
            await asyncio.wait([meeting])
            return meeting.result()
    except (ProcessLookupError, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and not meeting.cancelled():
            raise
        raise _impossible("the gate ended before it had connected; its output says why") from None
    except TimeoutError:
        raise _impossible(f"the gate did not connect within {START_DEADLINE:g} s") from None
    finally:
        meeting.cancel()
        if handle >= 0:
            loop.remove_reader(handle)
            os.close(handle)


async def _accept_gate(listener: socket.socket, pid: int) -> tuple[socket.socket, dict[str, Any]]:
    loop = asyncio.get_running_loop()
    while True:
        control, _ = await loop.sock_accept(listener)
        try:
            peer, _, _ = struct.unpack("iII", control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            if peer == pid:
                packet = await loop.sock_recv(control, _PACKET)
                return control, json.loads(packet or b'{"refused": "the gate ended; its output says why"}')
        except BaseException:
            control.close()
            raise
        control.close()


def _impossible(why: str) -> PlatformError:
    return PlatformError(
        f"a network of its own cannot be had: {why}",
        remedy="allow network and user namespaces (`tolv doctor`), or do without",
    )


def _gone() -> PlatformError:
    return PlatformError("the gate of the trial's network has ended, or does not answer")
