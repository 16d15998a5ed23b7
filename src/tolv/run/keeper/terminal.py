"""Bridges the person's terminal and an attached one-off: raw mode, window size, and everything put back at the end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import termios
import threading
import tty

_BLOCK = 1 << 16
#: Milliseconds without output after which, once the one-off has ended, nothing more is expected.
_QUIET = 50


class Terminal:
    """A pseudo-terminal between the person's terminal (`stdin`, `stdout`) and a one-off, which gets `descriptors`.

    A context manager, for the main thread: `with Terminal() as terminal: attach_sync(home, id, terminal.descriptors)`.
    Leaving it writes out what the one-off has said last and restores the person's terminal.
    """

    def __init__(self, stdin: int = 0, stdout: int = 1) -> None:
        self._stdin, self._stdout = stdin, stdout
        self._near, self._far = pty.openpty()
        os.set_blocking(self._near, False)
        self._end, self._ending = os.pipe()
        self._copy_size()
        self._bridge = threading.Thread(target=self._copy, name="terminal", daemon=True)

    @property
    def descriptors(self) -> tuple[int, int, int]:
        """What the keeper makes the one-off's 0, 1 and 2."""
        return (self._far, self._far, self._far)

    def __enter__(self) -> Terminal:
        self._saved = termios.tcgetattr(self._stdin)
        # `^C` is a byte from here on: the far end makes the signal of it, for the one-off's foreground group.
        tty.setraw(self._stdin)
        self._previous = signal.signal(signal.SIGWINCH, lambda *_: self._copy_size())
        self._bridge.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._ending)
        self._bridge.join(timeout=5.0)
        signal.signal(signal.SIGWINCH, self._previous)
        termios.tcsetattr(self._stdin, termios.TCSADRAIN, self._saved)
        for descriptor in (self._near, self._far, self._end):
            os.close(descriptor)

    def _copy_size(self) -> None:
        """The kernel tells the one-off's foreground group (SIGWINCH) when the size of its terminal changes."""
        with contextlib.suppress(OSError):
            size = fcntl.ioctl(self._stdin, termios.TIOCGWINSZ, bytes(8))
            fcntl.ioctl(self._near, termios.TIOCSWINSZ, size)

    def _copy(self) -> None:
        """Both ways until the end. Input that the one-off does not read waits, and holds up no output."""
        typed = b""
        stdin_open, ending = True, False
        while True:
            poll = select.poll()
            poll.register(self._near, select.POLLIN | (select.POLLOUT if typed else 0))
            if not ending:
                poll.register(self._end, 0)
                if stdin_open and not typed:
                    poll.register(self._stdin, select.POLLIN)
            ready = dict(poll.poll(_QUIET if ending else None))
            if self._near in ready and not self._show(ready[self._near]):
                return
            if ending and not ready:
                return
            if self._stdin in ready:
                typed = _read(self._stdin)
                stdin_open = bool(typed)
            if typed:
                with contextlib.suppress(BlockingIOError):
                    typed = typed[os.write(self._near, typed) :]
            if self._end in ready:
                ending, typed = True, b""

    def _show(self, events: int) -> bool:
        """Pass on what the one-off says. False at the end."""
        if not events & select.POLLIN:
            return not events & (select.POLLHUP | select.POLLERR)
        data = _read(self._near)
        view = memoryview(data)
        with contextlib.suppress(OSError):
            while view:
                view = view[os.write(self._stdout, view) :]
        return bool(data)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _BLOCK)
    except OSError:  # EIO: the other end is closed
        return b""
