"""The kinds of backing service that Tolv can run on this machine, a module for each with its `PROVIDER`."""

from __future__ import annotations

from importlib import import_module

from tolv.codebase.services import kind_named
from tolv.errors import UsageError
from tolv.services.provider import Provider

_KINDS = ("postgres", "rabbitmq", "redis", "s3", "smtp", "valkey")


def provider_of(kind: str) -> Provider:
    """What runs servers of a kind. Raises `UsageError` for one that Tolv cannot run."""
    name = kind_named(kind).name
    if name not in _KINDS:
        raise UsageError(
            f"Tolv runs no {kind} of its own",
            remedy=f"attach one that runs elsewhere with --url, or take one of: {', '.join(_KINDS)}",
        )
    provider: Provider = import_module(f"{__name__}.{name}").PROVIDER
    return provider
