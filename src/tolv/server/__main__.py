"""The server process: `python -m tolv.server`, configured by TOLV_HOME, TOLV_PORT, TOLV_BIND and TOLV_STORE_URL."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO

import uvicorn

from tolv.errors import PlatformError, TolvError, UsageError
from tolv.home import Home, current_home, socket_address
from tolv.route.edge.settings import read_settings
from tolv.route.edge.upkeep import Upkeep
from tolv.run.local.sandbox import SWITCH, parse_switch
from tolv.server import frugal
from tolv.server.api import create_api
from tolv.server.bake import Bakery
from tolv.server.platform import Listen, Platform
from tolv.server.progress import explain
from tolv.server.recovery import recover

log = logging.getLogger("tolv.server")

#: Seconds that operations in flight may take when the server is told to stop.
_DRAIN = 5.0
#: Seconds between two looks whether the socket is still there.
_SOCKET_LOOK = 1.0


def main() -> int:
    """Serve until told to stop; the exit status is as in `tolv.errors`."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s tolv-server %(levelname)s %(message)s", stream=sys.stderr
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of each of its plugins
    try:
        home = current_home()
        home.make()
        parse_switch(os.environ.get(SWITCH, ""))
        with _only_server(home):
            frugal.migrate_aside(home.store_url)
            frugal.begin()
            asyncio.run(_serve(home, _listen()))
    except (TolvError, OSError) as failure:
        error = explain(failure)
        print(f"tolv-server: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _listen() -> Listen:
    port = _number("TOLV_PORT", "8080", "a port", 65535)
    routers = _number("TOLV_ROUTERS", "2" if (os.cpu_count() or 1) >= 4 else "1", "a number of routers", 64)
    return Listen(port, os.environ.get("TOLV_BIND") or "127.0.0.1", routers, read_settings())


def _number(name: str, default: str, what: str, largest: int) -> int:
    text = os.environ.get(name) or default
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= largest):
        raise UsageError(f"{name}={text} is not {what}", remedy=f"set it to a number from 1 to {largest}")
    return int(text)


def _only_server(home: Home) -> IO[str]:
    """Hold the home's lock as long as the returned file is open. Raises `UsageError` if another server has it."""
    lock = home.server_lock.open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise UsageError(
            "a server runs on this home already", where=str(home.root), remedy="stop it first: tolv server stop"
        ) from None
    return lock


async def _serve(home: Home, listen: Listen) -> None:
    platform = Platform(home, listen)
    bakery = platform.bakery = Bakery(platform)
    application = create_api(platform)
    server = uvicorn.Server(
        uvicorn.Config(application, log_level="warning", lifespan="off", access_log=False, timeout_graceful_shutdown=2)
    )
    application.state.leave_running = True
    recovering = asyncio.create_task(recover(platform))

    def stop() -> None:
        server.should_exit = True
        recovering.cancel()

    application.state.stop = stop
    # uvicorn hears signals while it serves, raises them again when it is done, and then there is something left to do.
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_signal_handler(signal.SIGINT, stop)
    try:
        await recovering
    except asyncio.CancelledError:
        await platform.engine.close(leave_running=True)
        platform.store.close()
        return
    lasting = (
        platform.engine.watch(),
        platform.keep_small(),
        platform.keep_disk_shared(),
        platform.watch_services(),
        platform.traffic.keep(),
        Upkeep(platform.edge).keep(),
    )
    background = [asyncio.create_task(one) for one in lasting]
    await bakery.resume()
    with _bind(home.server_socket) as listener:
        _write_state(platform)
        log.info("serving on %s, routing on port %d", home.server_socket, listen.port)
        background.append(asyncio.create_task(_see_to_socket(home.server_socket, server)))
        await server.serve(sockets=[listener])
    home.server_socket.unlink(missing_ok=True)
    home.server_state.unlink(missing_ok=True)
    await bakery.close()
    await platform.operating.drain(_DRAIN)
    for task in background:
        task.cancel()
    await asyncio.gather(*background, return_exceptions=True)
    if not application.state.leave_running:
        await platform.edge.stop()
    await platform.edge.close()
    await platform.engine.close(leave_running=application.state.leave_running)
    platform.store.close()


def _bind(path: Path) -> socket.socket:
    """The API's socket, for its owner alone. What lies there is a dead server's: we hold the lock."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(socket_address(path))
    except OSError as error:
        raise PlatformError(f"the server's socket cannot be made: {error.strerror}", where=str(path)) from None
    finally:
        os.umask(mask)
    listener.listen(128)
    return listener


async def _see_to_socket(path: Path, server: uvicorn.Server) -> None:
    """Somebody may remove the socket: cleaners of temporary directories do. Then listen on a new one, too."""
    inode = path.stat().st_ino
    while True:
        await asyncio.sleep(_SOCKET_LOOK)
        with suppress(FileNotFoundError):
            if server.should_exit or path.stat().st_ino == inode:
                continue
        log.warning("%s was removed: it is made again", path)
        try:
            listener = _bind(path)
        except PlatformError as error:
            log.error("%s", error)
            continue
        inode = path.stat().st_ino
        # As `uvicorn.Server.startup` does for the first one.
        protocol: Callable[..., asyncio.Protocol] = server.config.http_protocol_class
        talk = partial(
            protocol,
            config=server.config,
            server_state=server.server_state,
            app_state=server.lifespan.state,
        )
        server.servers.append(await asyncio.get_running_loop().create_unix_server(talk, sock=listener))


def _write_state(platform: Platform) -> None:
    home, me = platform.home, platform.owner
    state = {"pid": me.pid, "start_time": me.start_time, "boot_id": me.boot_id, "port": platform.listen.port}
    state["budgets"] = platform.budgets.to_dict()
    temporary = home.server_state.with_suffix(".new")
    try:
        temporary.write_text(json.dumps(state))
        temporary.rename(home.server_state)
    except OSError as error:  # a full disk: who serves is told at /v1/server, too
        log.warning("%s cannot be written: %s", home.server_state, error.strerror)
        home.server_state.unlink(missing_ok=True)


if __name__ == "__main__":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.exit(main())
