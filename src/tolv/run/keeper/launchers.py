"""Launchers as the keeper holds them: started, waiting for an order and for the word to follow it.

One is started for the process that is asked for, or takes an order that comes once it is up: Python's own start is
most of what a launcher takes, and while a build is made there is time for it (*standing by*). One whose keeper dies,
or that nobody needs after all, sees its pipe end and goes away.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import sys

from tolv.run.keeper import program
from tolv.run.keeper.tree import COOKIE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

#: Launchers that stand by at most: more would not be started any sooner.
MOST = 8


class Launcher:
    """A process that becomes the app that it is told to become. Raises OSError if it cannot be started."""

    def __init__(self, cookie: str, descriptors: Sequence[int] = ()) -> None:
        self._order = program.in_memory("tolv-order", b"")
        wait, self._go = (program.high(one) for one in os.pipe2(os.O_CLOEXEC))
        self.pid, self.handle = 0, -1
        """A pidfd: whoever takes the launcher over closes it."""
        actions = [
            (os.POSIX_SPAWN_DUP2, self._order, 3),
            (os.POSIX_SPAWN_DUP2, wait, 4),
            (os.POSIX_SPAWN_DUP2, program.LAUNCHER, 5),
        ]
        actions += [(os.POSIX_SPAWN_DUP2, one, number) for number, one in enumerate(descriptors)]
        try:
            self.pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", "-c", program.STARTER],
                {COOKIE: cookie},
                file_actions=actions,
            )
            self.handle = os.pidfd_open(self.pid)
        except OSError:
            self.close()
            raise
        finally:
            os.close(wait)

    def order(self, order: dict[str, Any]) -> None:
        """What it is to become; it is read when the word comes."""
        os.pwrite(self._order, marshal.dumps(order), 0)

    def go(self) -> None:
        """Give the word."""
        with contextlib.suppress(BrokenPipeError):  # it died already: its exit will say of what
            os.write(self._go, b"g")

    def alive(self) -> bool:
        """Whether it has not ended: the handle becomes readable when it does."""
        look = select.poll()  # `select` takes no descriptor above 1023, and a keeper may have thousands
        look.register(self.handle, select.POLLIN)
        return not look.poll(0)

    def close(self) -> None:
        """Have no more to do with it, but for `handle`. One that had no word goes away."""
        for descriptor in (self._order, self._go):
            os.close(descriptor)


class StandingBy:
    """Launchers that wait for whatever is started next. `home` names the keeper's home in their cookie."""

    def __init__(self, home: str) -> None:
        self._cookie = f"standing-by@{home}"
        self._waiting: list[Launcher] = []

    def fill(self, count: int) -> list[Launcher]:
        """Have `count` of them stand by, `MOST` at most; returns those that were started for that."""
        self._waiting = [one for one in self._waiting if one.alive() or self._forget(one)]
        added: list[Launcher] = []
        while len(self._waiting) < min(count, MOST):
            added.append(Launcher(self._cookie))
            self._waiting.append(added[-1])
        return added

    def take(self) -> Launcher | None:
        """One that stands by, or None: from now on it is the caller's."""
        while self._waiting:
            launcher = self._waiting.pop(0)
            if launcher.alive():
                return launcher
            self._forget(launcher)
        return None

    def dismiss(self, launchers: Sequence[Launcher]) -> None:
        """Those of them that still wait are not needed any more."""
        for one in launchers:
            if one in self._waiting:
                self._waiting.remove(one)
                self._forget(one)

    def _forget(self, launcher: Launcher) -> bool:
        launcher.close()
        os.close(launcher.handle)
        return False
