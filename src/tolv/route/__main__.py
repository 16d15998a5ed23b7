"""`python -m tolv.route`: one router process. Exit status 3: the port is taken; 4: this index runs already."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import uvloop

import tolv
from tolv.errors import PlatformError
from tolv.home import Home
from tolv.route import state
from tolv.route.client_connection import ClientConnection
from tolv.route.control import Control
from tolv.route.limits import Limits
from tolv.route.listen import inherit, listen, listen_to_edge, port_lock, send_sockets
from tolv.route.switchboard import Switchboard

_TERM_SECONDS = 10.0
_HANDOVER_DRAIN_SECONDS = 3600.0
_SPARE_FILES = 256


def main() -> int:
    """Take the port, then serve until told to stop."""
    arguments = _arguments()
    home = Home(Path(arguments.home).absolute())
    home.router.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with port_lock(home):
            sockets = inherit(state.control_socket(home, arguments.index)) if arguments.inherit else []
            if (claimed := state.claim(home, arguments.index)) is None:
                print(f"tolv-router: router process {arguments.index} runs already", file=sys.stderr)
                return 4
            if not sockets:
                sockets = listen(arguments.port, arguments.bind, shared=_has_sister(home, arguments))
            if not any(one.family == socket.AF_UNIX for one in sockets):
                sockets.append(listen_to_edge(state.edge_socket(home, arguments.index)))
            state.announce(claimed, state.RouterState(os.getpid(), arguments.port, arguments.bind))
    except PlatformError as error:
        if arguments.ready_fd is not None:
            os.write(arguments.ready_fd, json.dumps(error.to_dict()).encode())
        print(f"tolv-router: {error.problem} ({error.where}): {error.remedy}", file=sys.stderr)
        return error.exit_code
    # What is loaded now stays; what comes and goes is freed by its reference counts. Few and late collections keep
    # the slowest requests fast.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)
    uvloop.run(_serve(home, arguments, sockets, claimed))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tolv.route", description="One process of Tolv's router.")
    parser.add_argument("--home", required=True, help="Tolv's home")
    parser.add_argument("--port", type=int, required=True, help="the public port")
    parser.add_argument("--bind", default="127.0.0.1", help="the address to listen on (127.0.0.1 includes ::1)")
    parser.add_argument("--index", type=int, default=0, help="which of the processes that share the port")
    parser.add_argument("--inherit", action="store_true", help="take the sockets over from the process of this index")
    parser.add_argument("--ready-fd", type=int, help="a pipe: gets {} when all is ready, or the error as JSON")
    return parser.parse_args()


def _has_sister(home: Home, arguments: argparse.Namespace) -> bool:
    """Whether another router process of this home listens on the same port."""
    for path in home.router.glob("router-*.json"):
        index = path.stem.removeprefix("router-")
        if index.isdigit() and int(index) != arguments.index:
            living = state.read_living(home, int(index))
            if living and (living.port, living.bind) == (arguments.port, arguments.bind):
                return True
    return False


async def _serve(home: Home, arguments: argparse.Namespace, sockets: list[socket.socket], claimed: int) -> None:
    loop = asyncio.get_running_loop()
    switchboard = Switchboard(home.logs, _limits())
    switchboard.apply(state.load_table(home))
    servers = [await _accept(one, switchboard) for one in sockets]
    stopped = asyncio.Event()
    stopping: list[asyncio.Task[None]] = []

    async def stop(seconds: float, *, patient: bool = False) -> None:
        for server in servers:
            server.close()
        await switchboard.stop(seconds, patient=patient)
        loop.call_soon(stopped.set)

    def hand_over(peer: socket.socket) -> None:
        seeing.cancel()  # from now on that path is the successor's
        os.close(claimed)  # the successor claims the index as soon as it has the sockets
        send_sockets(peer, sockets)
        stopping.append(loop.create_task(stop(_HANDOVER_DRAIN_SECONDS, patient=True)))

    hello = {"pid": os.getpid(), "version": tolv.__version__, "port": arguments.port, "bind": arguments.bind}
    control = Control(switchboard, hello, stop, hand_over)
    await control.serve(state.control_socket(home, arguments.index))
    seeing = loop.create_task(control.see_to(state.control_socket(home, arguments.index)))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: stopping.append(loop.create_task(stop(_TERM_SECONDS))))
    if arguments.ready_fd is not None:
        os.write(arguments.ready_fd, b"{}")
        os.close(arguments.ready_fd)
    await stopped.wait()
    seeing.cancel()
    await control.close()


async def _accept(listening: socket.socket, switchboard: Switchboard) -> asyncio.Server:
    """Serve the clients of the public port, or those that the edge passes on through its unix socket."""
    loop = asyncio.get_running_loop()
    if listening.family == socket.AF_UNIX:
        return await loop.create_unix_server(lambda: ClientConnection(switchboard, from_edge=True), sock=listening)
    return await loop.create_server(lambda: ClientConnection(switchboard), sock=listening)


def _limits() -> Limits:
    """The default bounds, with no more clients than files may be open: each may need one for its upstream too."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    limits = Limits()
    return replace(limits, connections=min(limits.connections, max(16, (hard - _SPARE_FILES) // 2)))


if __name__ == "__main__":
    sys.exit(main())
