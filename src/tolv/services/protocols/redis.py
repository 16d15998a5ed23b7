"""Asking a Redis or Valkey: PING, which fails when it cannot write to its disk, and INFO."""

from __future__ import annotations

from tolv.services.model import Facts
from tolv.services.protocols.resp import ReplyError, Resp
from tolv.services.urls import ServiceUrl


def ask(url: ServiceUrl, timeout: float) -> Facts:
    """Version, bytes of memory, and whether it is a replica. Raises `Unreachable`, `UsageError`."""
    with Resp(url, timeout) as connection:
        try:
            connection.call("PING")
            return _facts(connection)
        except ReplyError as error:
            raise connection.explain(error) from None


def _facts(connection: Resp) -> Facts:
    try:
        server, memory, replication = (connection.info(one) for one in ("server", "memory", "replication"))
    except ReplyError as error:
        if error.code == "NOPERM":  # it answers, and does not tell this user
            return Facts(version="")
        raise
    version = server.get("valkey_version") or server.get("redis_version", "")
    size = memory.get("used_memory", "")
    read_only = replication.get("role") == "slave" and replication.get("slave_read_only") != "0"
    return Facts(version, int(size) if size.isdecimal() else None, read_only)
