"""Asking a backing service over its own protocol, wherever it runs: is it there, does it let us in, what is it?"""

from __future__ import annotations

from typing import Literal

from tolv.errors import PlatformError
from tolv.services.model import Facts

Reason = Literal["unreachable", "refused", "password", "missing", "tls", "hangs", "full", "protocol"]


class Unreachable(PlatformError):
    """A service did not answer well: `reason` says how. No text of it holds a password."""

    def __init__(self, reason: Reason, problem: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(problem, where=where, remedy=remedy)
        self.reason: Reason = reason


def ask(kind: str, url: str, timeout: float) -> Facts:
    """What the service at `url` says of itself, within `timeout` seconds. TLS parameters in the URL are honoured.

    A kind without a protocol of its own here is only connected to. Raises `Unreachable`, `UsageError` for a URL that
    cannot be one of this kind.
    """
    raise NotImplementedError
