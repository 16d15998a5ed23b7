"""A connection that speaks RESP, the protocol of Redis and Valkey: one command, one reply, one deadline for all."""

from __future__ import annotations

import socket
import ssl
import time
from types import TracebackType
from typing import Any

from tolv.errors import UsageError
from tolv.services.ask import Reason, Unreachable
from tolv.services.protocols.tcp import hangs, unreachable
from tolv.services.urls import ServiceUrl, masked

_TLS = frozenset({"rediss", "valkeys"})
#: Bytes of a reply that is taken.
_LARGEST = 64 << 20
_DEEPEST = 8
_NO = frozenset({"none", "cert_none", "0", "false", "no"})


class ReplyError(Exception):
    """The server answered with an error: `code` is its first word."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code = text.partition(" ")[0]


class Resp:
    """A connection, logged in as the URL says; what fails on the way is raised as `Unreachable`."""

    def __init__(self, url: ServiceUrl, timeout: float) -> None:
        if url.kind != "redis":
            raise UsageError(f"{url.scheme}:// is not Redis", where=masked(str(url)), remedy="write it as redis://…")
        if url.database and not url.database.isdecimal():
            raise UsageError("Redis numbers its databases", where=masked(str(url)), remedy="write it as redis://…/0")
        self._url = url
        self._end = time.monotonic() + timeout
        self._buffer = bytearray()
        try:
            self._socket = socket.create_connection((url.host, url.port_or_default or 6379), timeout)
        except OSError as error:
            raise unreachable(error, url) from None
        try:
            if url.scheme in _TLS:
                self._encrypt()
            self._log_in()
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Resp:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def allow(self, seconds: float) -> None:
        """Give what follows so much time."""
        self._end = time.monotonic() + seconds

    def call(self, *words: str | bytes) -> Any:
        """The reply to a command: bytes, an int, None, or a list of such.

        Raises `ReplyError` if the server refuses it, `Unreachable` if it does not answer.
        """
        reply = self._reply(words)
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def all(self, *commands: tuple[str | bytes, ...]) -> list[Any]:
        """The replies to commands that happen as one, nothing between them. Raises as `call`."""
        self.call("MULTI")
        for command in commands:
            self.call(*command)
        replies: list[Any] = self.call("EXEC")
        for reply in replies:
            if isinstance(reply, ReplyError):
                raise reply
        return replies

    def info(self, section: str) -> dict[str, str]:
        """What the server says of itself. Raises as `call`."""
        text = self.call("INFO", section).decode(errors="replace")
        pairs = (line.partition(":") for line in text.splitlines() if line and line[0] != "#")
        return {name: value for name, _, value in pairs}

    def _encrypt(self) -> None:
        said = self._url.parameters()
        try:
            context = ssl.create_default_context(cafile=said.get("ssl_ca_certs") or None)
            if said.get("ssl_certfile"):
                context.load_cert_chain(said["ssl_certfile"], said.get("ssl_keyfile") or None)
            if said.get("ssl_check_hostname", "").lower() in _NO:
                context.check_hostname = False
            if said.get("ssl_cert_reqs", "").lower() in _NO:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._socket.settimeout(self._left())
            self._socket = context.wrap_socket(self._socket, server_hostname=self._url.host)
        except TimeoutError:
            raise self._fails(
                "hangs",
                "the service does not answer in time when TLS begins",
                "see its log; restart it if it hangs; if it speaks no TLS, write redis:// in the URL",
            ) from None
        except OSError as error:
            raise self._fails("tls", f"there is no TLS connection with the service ({error})", _TLS_REMEDY) from None

    def _log_in(self) -> None:
        try:
            if self._url.password is not None:
                user = [self._url.user] if self._url.user else []
                self.call("AUTH", *user, self._url.password)
            if self._url.database:
                self.call("SELECT", self._url.database)
        except ReplyError as error:
            raise self.explain(error) from None

    def explain(self, error: ReplyError) -> Unreachable:
        """What an error reply means to a person."""
        reason, problem, remedy = _MEANINGS.get(
            error.code, ("refused", "the service refuses the command", "see what the user of the URL may do")
        )
        if "DB index" in str(error) or "invalid DB" in str(error):
            reason, problem, remedy = ("missing", "there is no database of that number", "take number 0 in the URL")
        elif error.code == "ERR" and ("AUTH" in str(error) or "password" in str(error)):
            reason, problem, remedy = _MEANINGS["WRONGPASS"]
        return self._fails(reason, f"{problem} ({error})", remedy)

    def _fails(self, reason: Reason, problem: str, remedy: str) -> Unreachable:
        secret = self._url.password
        text = problem.replace(secret, "…") if secret and len(secret) > 3 else problem
        return Unreachable(reason, text, where=masked(str(self._url)), remedy=remedy)

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _reply(self, words: tuple[str | bytes, ...]) -> Any:
        parts = [word.encode() if isinstance(word, str) else word for word in words]
        try:
            self._socket.settimeout(self._left())
            self._socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts))
            return self._read(0)
        except TimeoutError:
            raise hangs(self._url) from None
        except ssl.SSLError as error:
            raise self._fails("tls", f"the TLS connection failed ({error})", _TLS_REMEDY) from None
        except (OSError, EOFError):
            raise self._fails(
                "protocol", "the service closed the connection", "see its log; rediss:// is the scheme for TLS"
            ) from None
        except ValueError:
            raise self._fails(
                "protocol", "what answers there speaks another protocol", "correct host and port in the URL"
            ) from None

    def _read(self, depth: int) -> Any:
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            return ReplyError(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        size = int(rest)
        if kind == b"$" and -1 <= size <= _LARGEST:
            return None if size < 0 else self._take(size + 2)[:-2]
        if kind == b"*" and -1 <= size <= _LARGEST // 16 and depth < _DEEPEST:
            return None if size < 0 else [self._read(depth + 1) for _ in range(size)]
        raise ValueError(line)

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > 1 << 16:
                raise ValueError("no line")
            self._fill()
        return self._take(end + 2)[:-2]

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._fill()
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _fill(self) -> None:
        self._socket.settimeout(self._left())
        chunk = self._socket.recv(1 << 16)
        if not chunk:
            raise EOFError
        self._buffer += chunk


_TLS_REMEDY = "correct the scheme (rediss:// is TLS) and ssl_ca_certs in the URL, or the server's certificate"
_WRONG_PASSWORD: tuple[Reason, str, str] = (
    "password",
    "the service does not let this user in",
    "correct user and password in the URL",
)
_MEANINGS: dict[str, tuple[Reason, str, str]] = {
    "NOAUTH": _WRONG_PASSWORD,
    "WRONGPASS": _WRONG_PASSWORD,
    "DENIED": ("refused", "the service lets no one in from here", "set a password, or bind it to this address"),
    "LOADING": ("refused", "the service is loading its data", "wait until it has; its log says how far it is"),
    "MASTERDOWN": ("refused", "the replica has lost its primary", "start the primary, or name it in the URL"),
    "MISCONF": ("full", "the service cannot write to its disk", "free some space on the disk of the server"),
    "OOM": ("full", "the service has no memory left", "raise its maxmemory, or let keys expire"),
}
