"""Asking a RabbitMQ: the handshake of AMQP 0-9-1 up to the open virtual host, and a civil good-bye.

https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf, chapters 2.2.4, 4.2
"""

from __future__ import annotations

import re
import socket
import ssl
import struct

from tolv.errors import UsageError
from tolv.services.ask import Reason, Unreachable
from tolv.services.model import Facts
from tolv.services.protocols.deadline import Deadline
from tolv.services.protocols.tcp import hangs, unreachable
from tolv.services.urls import ServiceUrl, masked

_HEADER = b"AMQP\x00\x00\x09\x01"
_METHOD, _END = 1, 0xCE
#: Bytes of one frame; the greeting has a few hundred.
_FRAME = 1 << 20

_START, _START_OK, _TUNE, _TUNE_OK, _OPEN, _OPEN_OK, _CLOSE, _CLOSE_OK = (
    struct.pack(">HH", 10, number) for number in (10, 11, 30, 31, 40, 41, 50, 51)
)
_REFUSED, _NOT_ALLOWED = 403, 530


class _Closed(Exception):
    """The server closed the connection, with a code if it said one."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class _Nonsense(Exception):
    """Those bytes are no AMQP 0-9-1."""


def ask(url: ServiceUrl, timeout: float) -> Facts:
    """The version, after logging in and opening the virtual host. Raises `Unreachable`, `UsageError`.

    `amqps://` is TLS; `?verify=verify_none` trusts any certificate, `?cacertfile=` those of a file, as in RabbitMQ's
    own clients. Without user and password it is guest's, without a path the virtual host `/`.
    """
    where = masked(str(url))
    if url.kind != "rabbitmq":
        raise UsageError(f"{url.scheme}:// is no RabbitMQ", where=where, remedy="write it as amqp://user:password@host")
    deadline = Deadline(timeout)
    try:
        address = (url.host, url.port_or_default or 5672)
        connection = socket.create_connection(address, timeout=deadline.left())
    except OSError as error:
        raise unreachable(error, url) from None
    except UnicodeError:
        raise UsageError("the URL's host can be no name", where=where) from None
    said_who = False
    try:
        with connection, deadline.over(lambda: connection):
            channel = _secured(connection, url)
            channel.sendall(_HEADER)
            version = _version(_expect(channel, _START))
            said_who = True
            _log_in(channel, url)
            return Facts(version)
    except TimeoutError:
        raise hangs(url) from None
    except ssl.SSLError as error:
        raise Unreachable("tls", f"TLS with RabbitMQ failed: {error.reason or 'it speaks none'}", where=where) from None
    except _Closed as closed:
        raise _closed(closed.code, said_who, url) from None
    except OSError as error:
        raise unreachable(error, url) from None
    except (_Nonsense, struct.error, ValueError, IndexError):
        raise Unreachable("protocol", "what answers there speaks no AMQP 0-9-1", where=where) from None


def _secured(connection: socket.socket, url: ServiceUrl) -> socket.socket:
    if url.scheme != "amqps":
        return connection
    options = url.parameters()
    try:
        context = ssl.create_default_context(cafile=options.get("cacertfile") or options.get("cafile") or None)
    except OSError:
        raise UsageError("the URL's `cacertfile` holds no certificates", where=masked(str(url))) from None
    if options.get("verify") in ("verify_none", "false", "0"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection, server_hostname=url.host)


def _log_in(channel: socket.socket, url: ServiceUrl) -> None:
    user, password = ("guest", "guest") if url.user is None else (url.user, url.password or "")
    about = b"\x0ccapabilitiesF" + _long(b"\x1cauthentication_failure_closet\x01") + b"\x07productS" + _long(b"Tolv")
    login = _long(f"\0{user}\0{password}".encode())
    _send(channel, _START_OK + _long(about) + _short(b"PLAIN") + login + _short(b"en_US"))
    _send(channel, _TUNE_OK + _expect(channel, _TUNE)[:6] + b"\0\0")
    _send(channel, _OPEN + _short((url.database or "/").encode()) + b"\0\0")
    _expect(channel, _OPEN_OK)
    _send(channel, _CLOSE + struct.pack(">H", 200) + _short(b"asked") + b"\0\0\0\0")
    _expect(channel, _CLOSE_OK)


def _version(start: bytes) -> str:
    """Of the server's properties; they are a table, of which one text is wanted."""
    found = re.search(rb"\x07versionS\x00\x00\x00([\x01-\x20])", start)
    if found is None:
        return ""
    text = start[found.end() : found.end() + found[1][0]].decode("ascii", "replace")
    return text if re.fullmatch(r"[0-9A-Za-z.+-]+", text) else ""


def _expect(channel: socket.socket, method: bytes) -> bytes:
    """The arguments of the method that must come next; heartbeats are passed over. Raises `_Closed`."""
    while True:
        kind, number, size = struct.unpack(">BHI", _receive(channel, 7))
        if kind not in (_METHOD, 8) or number != 0 or size > _FRAME:
            raise _Nonsense
        payload = _receive(channel, size)
        if _receive(channel, 1)[0] != _END:
            raise _Nonsense
        if kind != _METHOD:
            continue
        if payload[:4] == _CLOSE:
            raise _Closed(struct.unpack(">H", payload[4:6])[0])
        if payload[:4] != method:
            raise _Nonsense
        return payload[4:]


def _receive(channel: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = channel.recv(size - len(data))
        if not more:
            raise _Closed(None)
        data += more
    return data


def _send(channel: socket.socket, payload: bytes) -> None:
    channel.sendall(struct.pack(">BHI", _METHOD, 0, len(payload)) + payload + bytes([_END]))


def _short(text: bytes) -> bytes:
    if len(text) > 255:
        raise _Nonsense
    return bytes([len(text)]) + text


def _long(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


def _closed(code: int | None, said_who: bool, url: ServiceUrl) -> Unreachable:
    """The code alone is told: its text might repeat what was sent."""
    where = masked(str(url))
    if code == _REFUSED:
        remedy = "check user and password in the URL"
        return Unreachable("password", "RabbitMQ refused the login", where=where, remedy=remedy)
    if code == _NOT_ALLOWED:
        remedy = "make it and let the user in, or correct the URL's path"
        return Unreachable("missing", "the virtual host is not there, or not for this user", where=where, remedy=remedy)
    reason: Reason = "protocol" if code is not None or not said_who else "refused"
    problem = f"RabbitMQ closed the connection ({code})" if code else "what answers there hung up"
    return Unreachable(reason, problem, where=where)
