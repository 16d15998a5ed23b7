"""A trial's network, seen from outside: connect to what listens in it, listen in it, see who wants to leave it.

`GateNetwork` is a namespace with nothing in it but loopback, held by a process, the gate (`gate.py`). Its sockets
belong to it wherever they are used, so that all is done here with those that the gate makes. `HostNetwork` has the same
surface over the machine's loopback, for where no namespace may be made: there instances can reach what they want.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import ipaddress
import os
import random
import socket
from abc import ABC, abstractmethod
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tolv.errors import PlatformError
from tolv.prove.harness.gate_control import GateControl, Start

Serve = Callable[[socket.socket], None]

#: Below the ports that the kernel gives to whoever wants any.
_PORTS = range(10_000, 32_000)
_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Outbound:
    """Something that a process of the trial wanted of a place that is not in it."""

    at: float
    """Seconds since 1970."""
    protocol: str
    """`tcp`: a connection; `udp`: a datagram; `dns`: a question to a name server."""
    host: str
    """The address; of a question, that of the name server."""
    port: int
    name: str | None = None
    """What was asked for."""


class Network(ABC):
    """What both kinds of network do."""

    backend: ClassVar[str]
    """How the app is set apart by it, for the report."""
    pid: int | None = None
    """The process that holds it, for `Sandbox.network`; None: it is the machine's."""

    def __init__(self) -> None:
        self._listeners: dict[int, socket.socket] = {}
        self._given: set[int] = set()

    async def connect(self, port: int, host: str = "127.0.0.1") -> tuple[StreamReader, StreamWriter]:
        """A TCP connection to a port of an instance; `host` is an address. Raises OSError, as usual."""
        one = await self._socket(_family(host))
        try:
            await asyncio.get_running_loop().sock_connect(one, (host, port))
            return await asyncio.open_connection(sock=one)
        except BaseException:
            one.close()
            raise

    async def expose(self, port: int, serve: Serve, host: str = "127.0.0.1") -> None:
        """Listen for instances at `host` and `port`. `serve` gets each accepted socket, not blocking, as its own.

        Raises OSError.
        """
        if port in self._listeners:
            raise OSError(errno.EADDRINUSE, f"port {port} is exposed already")
        self._note_known(port)
        listener = await self._socket(_family(host))
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
        self._listeners[port] = listener
        asyncio.get_running_loop().add_reader(listener, functools.partial(_accept, listener, serve))

    async def unexpose(self, port: int) -> None:
        """Listen no more: who connects is refused. Accepted sockets are left alone."""
        listener = self._listeners.pop(port, None)
        if listener is not None:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()

    def free_port(self) -> int:
        """A port that nobody listens on, given out once. What an instance makes of it is no `Outbound`."""
        for port in random.sample(_PORTS, len(_PORTS)):
            if port not in self._given and port not in self._listeners and self._is_free(port):
                self._given.add(port)
                self._note_known(port)
                return port
        raise PlatformError("there is no free port")

    @abstractmethod
    async def seen(self) -> list[Outbound] | None:
        """All that instances wanted of places outside, in order; None: it cannot be told here."""

    async def close(self) -> None:
        """Listen no more, and let go of the network."""
        self._stop_listening()

    def _stop_listening(self) -> None:
        while self._listeners:
            _, listener = self._listeners.popitem()
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()

    @abstractmethod
    async def _socket(self, family: int) -> socket.socket:
        """A TCP socket of this network, not blocking."""

    @abstractmethod
    def _is_free(self, port: int) -> bool: ...

    @abstractmethod
    def _note_known(self, port: int) -> None:
        """Connections to this port of loopback stay inside."""


class HostNetwork(Network):
    """The machine's loopback, which instances share with all others: they are a process group and no more."""

    backend = "process group"
    #: Ports given out to any network of this kind.
    _taken: ClassVar[set[int]] = set()

    async def seen(self) -> None:
        """It cannot be told."""
        return

    async def _socket(self, family: int) -> socket.socket:
        one = socket.socket(family)
        one.setblocking(False)
        return one

    def _is_free(self, port: int) -> bool:
        if port in self._taken:
            return False
        with socket.socket() as trial:
            try:
                trial.bind(("", port))
            except OSError:
                return False
        self._taken.add(port)
        return True

    def _note_known(self, port: int) -> None:
        pass


class GateNetwork(Network):
    """A network namespace of its own. `start` makes one."""

    backend = "namespaces"

    def __init__(self, gate: GateControl) -> None:
        super().__init__()
        self.pid = gate.pid
        self.lost = 0
        """How many `Outbound` were too many to keep."""
        self._gate = gate
        self._seen: list[Outbound] = []
        self._reading = asyncio.Lock()
        gate.on_end = self._stop_listening

    @classmethod
    async def start(
        cls, directory: Path, start: Start, names: Mapping[str, Sequence[str]] | None = None
    ) -> GateNetwork:
        """Have `start` run the gate, unconfined, and return once the namespace is there. `start` returns its pid.

        `directory` is private, and has the gate's socket until it has connected. `names` are those that resolve, each
        to its addresses. Raises `PlatformError` where no such namespace can be made.
        """
        network = cls(await GateControl.start(directory, start))
        if names:
            network.resolve(names)
        return network

    def resolve(self, names: Mapping[str, Sequence[str]]) -> None:
        """From now on these names resolve, each to its addresses, and no others."""
        self._gate.tell("names", names={name: list(addresses) for name, addresses in names.items()})

    async def seen(self) -> list[Outbound]:
        """All that was wanted so far, in order: 10 000 at most, further ones are counted in `lost`."""
        async with self._reading:
            while True:
                answer, _ = await self._gate.ask("seen", after=len(self._seen))
                self._seen += [Outbound(*one) for one in answer["seen"]]
                self.lost = answer["lost"]
                if not answer["seen"]:
                    return list(self._seen)

    async def close(self) -> None:
        """Let go of the namespace; the gate ends."""
        await super().close()
        self._gate.close()

    async def _socket(self, family: int) -> socket.socket:
        answer, descriptors = await self._gate.ask("socket", family=int(family))
        if not descriptors:
            raise OSError(answer["error"], os.strerror(answer["error"]))
        one = socket.socket(family, socket.SOCK_STREAM, fileno=descriptors[0])
        one.setblocking(False)
        return one

    def _is_free(self, port: int) -> bool:
        return True  # all are, in a network of its own

    def _note_known(self, port: int) -> None:
        self._gate.tell("known", ports=[port])


def _accept(listener: socket.socket, serve: Serve) -> None:
    with contextlib.suppress(OSError):
        accepted, _ = listener.accept()
        accepted.setblocking(False)
        serve(accepted)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
