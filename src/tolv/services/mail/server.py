"""The mail server's half of SMTP: who may log in, what is accepted, what is answered when the disk will not have it.

Mail without a login is accepted: the server listens on loopback alone and sends nothing out, and many apps in
development set `MAIL_SERVER` and `MAIL_PORT` only. A wrong password is refused, as it would be in production.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import errno
import logging
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiosmtpd import __version__
from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import Envelope as Draft
from aiosmtpd.smtp import Session as Peer

from tolv.services.mail import users
from tolv.services.mail.spool import Envelope, Limits, Spool

#: More connections at a time are sent away; more recipients of one message are refused.
MOST_CONNECTIONS = 100
MOST_RECIPIENTS = 1000
_IDLE = 300.0
_FULL = {errno.ENOSPC, errno.EDQUOT}
_FULL_ANSWER = "452 4.3.1 no space left on the disk; try again later"


async def serve(directory: Path, port: int, limits: Limits) -> None:
    """Catch mail until SIGTERM or SIGINT. Raises `OSError` if port or directory cannot be had."""
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    spool = Spool(directory, limits)
    spool.open()
    catcher = Catcher(spool)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(catcher, loop), "127.0.0.1", port, backlog=128)
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    _say(f"catching mail on 127.0.0.1:{port}; none is sent out")
    await told.wait()
    server.close()
    async with catcher.writing:
        _say("stopped")


class Catcher:
    """What aiosmtpd asks and tells while it speaks the protocol."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.writing = asyncio.Lock()
        self.connections = 0

    def authenticate(self, _mechanism: str, login: bytes, password: bytes) -> bool:
        return users.may_enter(self.spool.directory, _text(login), _text(password))

    async def handle_RCPT(self, _server: SMTP, _peer: Peer, draft: Draft, address: str, options: list[str]) -> str:
        if len(draft.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 too many recipients"
        draft.rcpt_tos.append(address)
        draft.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, peer: Peer, draft: Draft) -> str:
        user = getattr(peer.auth_data, "login", None)
        envelope = Envelope(
            at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            sender=draft.mail_from or "",
            recipients=tuple(draft.rcpt_tos),
            user=None if user is None else _text(user),
        )
        content = draft.original_content or b""
        # Shielded: a client that hangs up meanwhile must not let the next message into the same scratch file.
        storing = asyncio.ensure_future(self._store(envelope, content))
        try:
            id = await asyncio.shield(storing)
        except OSError as error:
            _say(f"refused a message of {len(content)} bytes: {error.strerror}")
            return _FULL_ANSWER if error.errno in _FULL else f"451 4.3.0 it cannot be kept: {error.strerror}"
        _say(f"caught {id}: {len(content)} bytes to {len(envelope.recipients)}")
        return f"250 2.0.0 OK: caught as {id}"

    async def handle_NOOP(self, _server: SMTP, _peer: Peer, _draft: Draft, _arg: str | None) -> str:
        """Says whether mail can be taken at this moment; `tolv.services.protocols.smtp` asks so."""
        try:
            trouble = self.spool.room()
        except OSError as error:
            return f"451 4.3.0 the directory cannot be read: {error.strerror}"
        if trouble == "full":
            return _FULL_ANSWER
        return "451 4.3.0 the directory is read-only" if trouble else "250 2.0.0 OK"

    async def handle_exception(self, error: Exception) -> str:
        _say(f"a command could not be understood: {type(error).__name__}")
        return "500 5.5.2 that cannot be understood"

    async def _store(self, envelope: Envelope, content: bytes) -> str:
        async with self.writing:
            return await asyncio.to_thread(self.spool.store, envelope, content)


class Connection(SMTP):
    """One client."""

    #: The rule says 1000, and mail servers take far longer lines from apps that break it.
    line_length_limit = 1 << 20
    command_size_limits: dict[str, int] = collections.defaultdict(lambda: 4096)  # noqa: RUF012  # as in the base class

    def __init__(self, catcher: Catcher, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            catcher,
            data_size_limit=catcher.spool.limits.each,
            enable_SMTPUTF8=True,
            hostname="localhost",
            ident=f"ESMTP aiosmtpd {__version__} (Tolv)",
            timeout=_IDLE,
            auth_require_tls=False,
            auth_callback=catcher.authenticate,
            loop=loop,
        )
        self._catcher = catcher

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._catcher.connections += 1
        super().connection_made(transport)
        if self._catcher.connections > MOST_CONNECTIONS and isinstance(transport, asyncio.WriteTransport):
            transport.write(b"421 4.3.2 too many connections\r\n")
            transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._catcher.connections -= 1
        with contextlib.suppress(AssertionError):
            super().connection_lost(error)


def _text(value: Any) -> str:
    return bytes(value).decode("utf-8", "surrogateescape") if isinstance(value, bytes | bytearray) else str(value)


def _say(line: str) -> None:
    with contextlib.suppress(OSError):
        print(line, file=sys.stdout, flush=True)
