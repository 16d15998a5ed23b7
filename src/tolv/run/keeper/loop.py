"""The keeper's event loop: descriptors, timers and ended children, on one thread and one epoll."""

from __future__ import annotations

import contextlib
import heapq
import os
import select
import signal
import sys
import time
from collections.abc import Callable

IN, OUT = select.EPOLLIN, select.EPOLLOUT


class Loop:
    """Calls back when a descriptor is ready, a time has come, or SIGCHLD or SIGTERM arrives."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, Callable[[int], None]] = {}
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0
        self._running = True

    def watch(self, descriptor: int, callback: Callable[[int], None], events: int = IN) -> None:
        """Call `callback(events)` whenever `descriptor` is ready, until `unwatch`."""
        self._watched[descriptor] = callback
        self._epoll.register(descriptor, events)

    def change(self, descriptor: int, events: int) -> None:
        """Wait for other events of a watched descriptor; 0 for hang-ups and errors alone."""
        self._epoll.modify(descriptor, events)

    def rest(self, descriptor: int) -> None:
        """Do not look at a watched descriptor at all until `wake`."""
        self._epoll.unregister(descriptor)

    def wake(self, descriptor: int, events: int = IN) -> None:
        """Look again at a descriptor that was put to `rest`."""
        if descriptor in self._watched:
            self._epoll.register(descriptor, events)

    def unwatch(self, descriptor: int) -> None:
        """Forget a descriptor; call before it is closed."""
        if self._watched.pop(descriptor, None) is not None:
            with contextlib.suppress(OSError):
                self._epoll.unregister(descriptor)

    def after(self, seconds: float, callback: Callable[[], object]) -> None:
        """Call `callback()` once, in `seconds`. It cannot be taken back: let it look whether it is still wanted."""
        self._count += 1
        heapq.heappush(self._timers, (time.monotonic() + seconds, self._count, callback))

    def on_signal(self, callbacks: dict[int, Callable[[], None]]) -> None:
        """Call back, from the loop, when a signal arrives."""
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in callbacks:
            signal.signal(number, lambda *_: None)

        def arrived(_: int) -> None:
            for number in set(os.read(reader, 4096)):
                if number in callbacks:
                    callbacks[number]()

        self.watch(reader, arrived)

    def stop(self) -> None:
        """Leave `run` after the present round."""
        self._running = False

    def run(self) -> None:
        """Serve until `stop`. A callback that fails is reported and costs nothing but itself."""
        while self._running:
            for descriptor, events in self._epoll.poll(self._patience()):
                callback = self._watched.get(descriptor)
                if callback is not None:
                    _guarded(callback, events)
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                _guarded(heapq.heappop(self._timers)[2])

    def _patience(self) -> float | None:
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None


def _guarded(callback: Callable[..., object], *arguments: object) -> None:
    try:
        callback(*arguments)
    except Exception:
        # The keeper of twenty processes does not die of a fault in the handling of one.
        import traceback

        traceback.print_exc(file=sys.stderr)
        sys.stderr.flush()
