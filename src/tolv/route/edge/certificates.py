"""What certificates there are, as Caddy's storage and log tell, and how to make Caddy get one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tolv.errors import UsageError
from tolv.home import Home
from tolv.route.edge.config import AUTHORITY, LOG, STORAGE
from tolv.route.edge.domain import Domain
from tolv.route.edge.settings import EdgeSettings

if TYPE_CHECKING:
    from cryptography import x509

#: Bytes at the end of the log in which a reason is looked for.
_TAIL = 512 * 1024


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate of a domain, or why there is none. Times are seconds since 1970."""

    state: Literal["issued", "pending", "failed"]
    issuer: str | None = None
    """The authority, as it calls itself."""
    begins: float = 0.0
    ends: float = 0.0
    error: str | None = None
    """Why the last attempt to get one failed, be it the first or a renewal."""

    def is_due(self, now: float) -> bool:
        """Whether it is time for a new one: the last third of its life has begun, which is when Caddy renews."""
        return now > self.ends - (self.ends - self.begins) / 3


def certificate_of(home: Home, domain: Domain, settings: EdgeSettings) -> Certificate:
    """What is known of a domain's certificate."""
    from cryptography import x509  # most homes have no domains

    authority = AUTHORITY if domain.internal else settings.acme_name
    path = home.edge / STORAGE / "certificates" / authority / domain.name / f"{domain.name}.crt"
    try:
        since = path.stat().st_mtime
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        error = _last_error(home.edge / LOG, domain.name, 0.0)
        return Certificate("failed", error=error) if error else Certificate("pending")
    return Certificate(
        "issued",
        _common_name(found.issuer),
        found.not_valid_before_utc.timestamp(),
        found.not_valid_after_utc.timestamp(),
        _last_error(home.edge / LOG, domain.name, since),
    )


def authority_root(home: Home) -> str:
    """The certificate of Tolv's own authority, PEM. Raises `UsageError` if there is none yet."""
    path = home.edge / STORAGE / "pki" / "authorities" / AUTHORITY / "root.crt"
    try:
        return path.read_text()
    except FileNotFoundError:
        raise UsageError(
            "there is no authority yet: it is made with the first domain",
            where=str(path),
            remedy="add one: tolv domains add shop.localhost",
        ) from None


async def call(settings: EdgeSettings, name: str, seconds: float) -> None:
    """Call a name at the edge, so that Caddy gets or renews its certificate: until it has, or has not in time."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # only the call counts
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.bind, settings.bind)
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(
                host, settings.https_port, ssl=context, server_hostname=name, ssl_handshake_timeout=seconds
            )
            writer.close()


def _common_name(name: x509.Name) -> str:
    from cryptography.x509.oid import NameOID

    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        if found := name.get_attributes_for_oid(kind):
            return str(found[0].value)
    return name.rfc4514_string()


def _last_error(log: Path, name: str, since: float) -> str | None:
    """The reason that Caddy's log gives last, after `since`."""
    for entry in _entries(log):
        if entry.get("level") == "error" and entry.get("identifier") == name and entry.get("ts", 0.0) > since:
            return str(entry.get("error") or entry.get("msg"))[:1000]
    return None


def _entries(log: Path) -> Iterator[dict[str, Any]]:
    """The log's last entries, the newest first."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return
    for line in reversed(lines):
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if isinstance(entry, dict):
                yield entry
