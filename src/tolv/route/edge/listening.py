"""The edge's public ports. Tolv's server opens them and hands them to Caddy, so that connections wait instead of being
refused while Caddy is started again, and nobody else can share them (Caddy itself would use `SO_REUSEPORT`)."""

from __future__ import annotations

import errno
import socket

from tolv.errors import PlatformError, TolvError
from tolv.route.edge.settings import HTTP_PORT, EdgeSettings

_BACKLOG = 4096


class EdgeSockets:
    """The listening sockets: HTTPS, HTTP, and the one on which Caddy asks itself for permission."""

    def __init__(self, settings: EdgeSettings) -> None:
        """Raises `PlatformError` if a port is taken or not allowed."""
        self.sockets: list[socket.socket] = []
        try:
            self._open(settings.bind, settings.https_port, "TOLV_HTTPS_PORT")
            self._open(settings.bind, settings.http_port, "TOLV_HTTP_PORT")
            self._open("127.0.0.1", 0, "")
        except TolvError:
            self.close()
            raise

    def environment(self) -> dict[str, str]:
        """How Caddy's configuration finds them."""
        https, http, ask = self.sockets
        return {
            "TOLV_HTTPS": str(https.fileno()),
            "TOLV_HTTP": str(http.fileno()),
            "TOLV_ASK": str(ask.fileno()),
            "TOLV_ASK_PORT": str(ask.getsockname()[1]),
        }

    def close(self) -> None:
        for one in self.sockets:
            one.close()

    def _open(self, bind: str, port: int, variable: str) -> None:
        try:
            self.sockets.append(listen(bind, port))
        except OSError as error:
            raise _refusal(error, bind, port, variable) from None


def listen(bind: str, port: int) -> socket.socket:
    """Listen on one address, or on all of them, IPv4 and IPv6, when it is empty."""
    if not bind and socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    return socket.create_server((bind, port), family=family, backlog=_BACKLOG)


def _refusal(error: OSError, bind: str, port: int, variable: str) -> PlatformError:
    where = f"{bind or '*'}:{port}"
    if error.errno == errno.EADDRINUSE:
        return PlatformError(
            f"HTTPS needs port {port}, which is taken by another program",
            where=where,
            remedy=f"stop that program (ss -ltnp 'sport = :{port}' names it), or set {variable} to a free port",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return PlatformError(
            f"HTTPS needs port {port}, which takes privileges that this user does not have",
            where=where,
            remedy=f"sysctl -w net.ipv4.ip_unprivileged_port_start={min(port, HTTP_PORT)} as root, or set {variable} "
            "above 1023 and let your firewall forward to it",
        )
    return PlatformError(f"cannot listen for HTTPS: {error.strerror}", where=where, remedy="set TOLV_HTTPS_BIND")
