"""A service whose protocol is not spoken here: it is there if something listens. What connecting can fail with."""

from __future__ import annotations

import errno
import socket

from tolv.errors import UsageError
from tolv.services.ask import Unreachable
from tolv.services.model import Facts
from tolv.services.urls import ServiceUrl, masked


def ask(url: ServiceUrl, timeout: float) -> Facts:
    """Nothing but that it listens. Raises `Unreachable`, `UsageError` without a host or port."""
    port = url.port_or_default
    if not url.host or port is None:
        raise UsageError("the URL names no port", where=masked(str(url)), remedy="write it as scheme://host:port")
    try:
        socket.create_connection((url.host, port), timeout).close()
    except OSError as error:
        raise unreachable(error, url) from None
    return Facts(version="")


def unreachable(error: OSError, url: ServiceUrl) -> Unreachable:
    """What it means that no connection came about."""
    where = masked(str(url))
    if isinstance(error, TimeoutError):
        return hangs(url)
    if isinstance(error, socket.gaierror):
        return Unreachable(
            "unreachable", f"no address is known for {url.host}", where=where, remedy="correct the host in the URL"
        )
    if error.errno == errno.ECONNREFUSED:
        return Unreachable(
            "refused",
            f"nothing listens at {url.host}:{url.port_or_default}",
            where=where,
            remedy="start the service, or correct host and port in the URL",
            answered=False,
        )
    return Unreachable(
        "unreachable",
        f"the service cannot be reached: {error.strerror or error}",
        where=where,
        remedy="make sure that the network reaches it",
    )


def hangs(url: ServiceUrl) -> Unreachable:
    """It did not answer within the time it was given."""
    return Unreachable(
        "hangs",
        "the service does not answer in time",
        where=masked(str(url)),
        remedy="see its log; restart it if it hangs, or let the firewall through",
    )
