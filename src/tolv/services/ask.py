"""Asking a backing service over its own protocol, wherever it runs: is it there, does it let us in, what is it?"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Literal, Protocol

from tolv.errors import PlatformError
from tolv.services.model import Facts
from tolv.services.urls import ServiceUrl, parse

Reason = Literal["unreachable", "refused", "password", "missing", "tls", "hangs", "full", "protocol"]

#: The module that speaks a kind's protocol: it has a function `ask` that satisfies `Asker`. Imported when it is needed.
ASKERS: Mapping[str, str] = {
    "postgres": "tolv.services.protocols.postgres",
    "redis": "tolv.services.protocols.redis",
    "valkey": "tolv.services.protocols.redis",
    "rabbitmq": "tolv.services.protocols.amqp",
    "s3": "tolv.services.protocols.s3",
    "smtp": "tolv.services.protocols.smtp",
}

#: For every other kind.
_ANY = "tolv.services.protocols.tcp"


class Unreachable(PlatformError):
    """A service did not answer well: `reason` says how, `answered` whether it did at all. No text of it holds a
    password."""

    def __init__(
        self,
        reason: Reason,
        problem: str,
        *,
        where: str | None = None,
        remedy: str | None = None,
        answered: bool | None = None,
    ) -> None:
        super().__init__(problem, where=where, remedy=remedy)
        self.reason: Reason = reason
        self.answered = reason not in ("hangs", "unreachable") if answered is None else answered


class Asker(Protocol):
    """Asks a service of one kind."""

    def __call__(self, url: ServiceUrl, timeout: float) -> Facts:
        """What the service says of itself, within `timeout` seconds. Raises `Unreachable`, `UsageError`."""


def ask(kind: str, url: str, timeout: float) -> Facts:
    """What the service at `url` says of itself, within `timeout` seconds. TLS parameters in the URL are honoured.

    A kind without a protocol of its own here is only connected to. Raises `Unreachable`, `UsageError` for a URL that
    cannot be one of this kind.
    """
    asker: Asker = importlib.import_module(ASKERS.get(kind, _ANY)).ask
    return asker(parse(url), timeout)
