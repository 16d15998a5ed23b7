"""The client's side of an attached one-off: hands the keeper three descriptors and waits for the end."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tolv.errors import PlatformError, UsageError
from tolv.home import Home, socket_address

if TYPE_CHECKING:
    from tolv.run.model import Exit


def attach_sync(
    home: Home,
    process: str,
    fds: Sequence[int],
    on_started: Callable[[Callable[[int], None]], None] | None = None,
) -> Exit:
    """Start the one-off that was prepared as `process` on the descriptors `fds` (0, 1, 2) and wait until it ends.

    `on_started(send)` is called once it runs; `send(number)` signals its process group. If this program dies the keeper
    ends the one-off. The exit is `unknown` if the keeper died. Raises `UsageError` if nothing was prepared.
    """
    from tolv.run.model import Exit

    with socket.socket(socket.AF_UNIX) as peer:
        try:
            peer.connect(socket_address(home.keeper_socket))
        except OSError as error:
            raise PlatformError(f"the keeper does not answer: {error.strerror}", where=str(home.keeper)) from None
        order = json.dumps({"id": 1, "op": "attach", "process": process, "attach": True})
        socket.send_fds(peer, [order.encode() + b"\n"], list(fds))

        def send(number: int) -> None:
            signal = {"id": 2, "op": "signal", "process": process, "signal": int(number), "scope": "group"}
            peer.sendall(json.dumps(signal).encode() + b"\n")

        with peer.makefile("rb") as messages:
            for line in messages:
                message: dict[str, Any] = json.loads(line)
                if message.get("id") == 1:
                    if "error" in message:
                        raise UsageError(message["error"]["problem"], where=process)
                    if on_started is not None:
                        on_started(send)
                elif message.get("event") == "exited":
                    return Exit(**message["exit"])
    return Exit(at=time.time())
