"""Caddy's admin API on its unix socket: who is there, and a new configuration for it. Blocking; bounded in time."""

from __future__ import annotations

import http.client
import json
import socket
import struct
from pathlib import Path
from typing import Any

from tolv.errors import PlatformError
from tolv.home import socket_address

_SECONDS = 10.0
_CREDENTIALS = struct.Struct("iII")


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(socket_address(self._path))


def who_answers(path: Path) -> int | None:
    """The pid of the Caddy that listens at `path` and has its configuration in force; None if there is none yet."""
    connection = _Connection(path)
    try:
        connection.connect()
        assert connection.sock is not None
        credentials = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        connection.request("GET", "/config/admin")
        ready = connection.getresponse().read().strip() != b"null"
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    pid: int = _CREDENTIALS.unpack(credentials)[0]
    return pid if ready else None


def load(path: Path, config: dict[str, Any]) -> None:
    """Put a configuration in force; the same one again changes nothing. Raises `PlatformError` if Caddy refuses it."""
    connection = _Connection(path)
    try:
        connection.request("POST", "/load", json.dumps(config), {"Content-Type": "application/json"})
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise PlatformError(f"the HTTPS edge does not answer: {error}", where=str(path), remedy="try again") from None
    finally:
        connection.close()
    if response.status != 200:
        raise PlatformError(
            f"the HTTPS edge refused its configuration: {body.strip()[:500]}",
            where=str(path),
            remedy="check TOLV_ACME_CA and its sisters",
        )
