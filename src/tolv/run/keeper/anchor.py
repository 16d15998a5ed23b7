"""Keeps what lies in the pipes while no keeper runs.

The kernel throws a pipe's content away when the last descriptor of it is closed: that of a process which ends after its
keeper was killed and before the next one has come. So the keeper forks, before it does anything else, a process that
holds a second descriptor of every pipe and does nothing with it. It outlives the keeper, and serves the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import termios
import time

from tolv.run.keeper.loop import Loop

#: Seconds after which, without a keeper and without a living writer, what is left is given up.
GIVE_UP = 600.0
_LOOK = 5.0
_LONGEST = 512


class Anchor:
    """The keeper's side: hands over descriptors, and makes another anchor when the present one dies."""

    def __init__(self, loop: Loop, path: str) -> None:
        self._loop = loop
        self._path = path
        self._held: dict[str, list[int]] = {}
        self._peer = self._connect()

    def hold(self, name: str, pipes: list[int]) -> None:
        """Hold these pipes, too, until `drop`."""
        if pipes:
            self._held[name] = pipes
            self._send(b"hold " + name.encode(), pipes)

    def drop(self, name: str) -> None:
        """The pipes of `name` have been emptied."""
        if self._held.pop(name, None):
            self._send(b"drop " + name.encode(), [])

    def reset(self) -> None:
        """Forget what an earlier keeper had handed over: this one has the pipes open itself by now."""
        self._send(b"reset", [])

    def _send(self, message: bytes, pipes: list[int]) -> None:
        try:
            socket.send_fds(self._peer, [message], pipes)
        except OSError:
            self._replace()

    def _connect(self) -> socket.socket:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            peer.connect(self._path)
        except OSError:
            self._make()
            peer.connect(self._path)
        self._loop.watch(peer.fileno(), lambda _: self._replace())
        return peer

    def _replace(self) -> None:
        """It died, which loses nothing as long as we live: the next one gets what we hold."""
        self._loop.unwatch(self._peer.fileno())
        self._peer.close()
        self._peer = self._connect()
        for name, pipes in self._held.items():
            socket.send_fds(self._peer, [b"hold " + name.encode()], pipes)

    def _make(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(self._path)
        listener.listen(1)
        if os.fork() == 0:
            try:
                _serve(listener)
            finally:
                os._exit(0)
        listener.close()


def _serve(listener: socket.socket) -> None:
    """The anchor: holds what it is sent, until neither keeper nor content is left."""
    _leave_the_keeper(listener.fileno())
    held: dict[str, list[int]] = {}
    peer: socket.socket | None = None
    deserted = time.monotonic()
    while True:
        look = select.poll()  # `select` takes no descriptor above 1023
        look.register(listener if peer is None else peer, select.POLLIN)
        ready = look.poll(None if peer else _LOOK * 1000)
        if not ready:
            if _is_pointless(held, time.monotonic() - deserted):
                return
        elif peer is None:
            peer, _ = listener.accept()
        elif not _obey(peer, held):
            peer.close()
            peer, deserted = None, time.monotonic()
            if _is_pointless(held, 0.0):
                return


def _leave_the_keeper(listener: int) -> None:
    """Nothing of the keeper's stays open here: not its lock, not its connections."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != listener:
            with contextlib.suppress(OSError):
                os.close(int(name))


def _obey(peer: socket.socket, held: dict[str, list[int]]) -> bool:
    """Do what one message says. False once the keeper is gone."""
    try:
        message, ancillary, _, _ = peer.recvmsg(_LONGEST, socket.CMSG_SPACE(8), socket.MSG_CMSG_CLOEXEC)
    except OSError:
        return False
    order, _, name = message.decode().partition(" ")
    for old in list(held) if order == "reset" else [name] if name in held else []:
        for descriptor in held.pop(old):
            os.close(descriptor)
    for _, _, data in ancillary:
        held[name] = [one for (one,) in struct.iter_unpack("i", data[: len(data) // 4 * 4])]
    return bool(message)


def _is_pointless(held: dict[str, list[int]], deserted: float) -> bool:
    """Whether nothing is held that anyone could want: no content, no writer; or content that nobody came for."""
    poll = select.poll()
    descriptors = [one for pipes in held.values() for one in pipes]
    for descriptor in descriptors:
        poll.register(descriptor, 0)
    ended = {descriptor for descriptor, events in poll.poll(0) if events & select.POLLHUP}
    if deserted > GIVE_UP:
        return len(ended) == len(descriptors)
    return all(one in ended and not _content(one) for one in descriptors)


def _content(pipe: int) -> int:
    """The bytes that wait in a pipe."""
    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0])
