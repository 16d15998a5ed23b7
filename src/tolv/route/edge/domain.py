"""Own domains as values: what may be one, and who vouches for it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

import idna

from tolv.errors import UsageError

#: No public authority gives certificates for names below these (RFC 6761, 6762, 8375; `internal`: ICANN, 2024).
LOCAL_SUFFIXES = ("localhost", "test", "internal", "local", "home.arpa")

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
#: Characters of what was asked for that an error repeats.
_SHOWN = 80
_PORT = re.compile(r"(.+):\d*")


@dataclass(frozen=True, slots=True)
class Domain:
    """A name that leads to a deploy."""

    name: str
    """As certificates and DNS have it: lower case, ASCII, no final dot."""
    app: str
    environment: str
    internal: bool = False
    """Its certificate is Tolv's own authority's, not a public one's."""


def read_domain(text: str) -> str:
    """The domain that a person means. Raises `UsageError` if it cannot be one, with what to write instead."""
    name = text.strip().removesuffix(".")
    text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    if scheme := _SCHEME.match(name):
        host = name[scheme.end() :].partition("/")[0].rpartition("@")[2].partition(":")[0]
        raise _no_domain(text, "a URL is no domain", host)
    if "/" in name:
        raise _no_domain(text, "a domain has no path", name.partition("/")[0])
    if _is_address(name):
        raise UsageError(
            f"{text!r} is an address: a client that calls one does not say whom it wants",
            remedy="give it a name; on this machine any name below .localhost does",
        )
    if port := _PORT.fullmatch(name):
        raise _no_domain(text, "a domain has no port", port[1])
    if "*" in name:
        raise UsageError(
            f"{text!r} is a wildcard, whose certificate needs access to your DNS",
            remedy="add each name that you use by itself: each gets a certificate of its own",
        )
    return _read_name(text, name)


def is_local(name: str) -> bool:
    """Whether the name is for local use, so that only an authority of one's own can vouch for it."""
    return any(name.endswith(f".{suffix}") for suffix in LOCAL_SUFFIXES)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _read_name(text: str, name: str) -> str:
    try:
        ascii_name = idna.encode(name, uts46=True, std3_rules=True).decode().lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise UsageError(
            f"{text!r} is no domain name: {str(error)[:_SHOWN]}",
            remedy="say a name such as shop.example.com: letters, digits and -, at most 63 between dots and 253 in all",
        ) from None
    last = ascii_name.rpartition(".")[2]
    if last == ascii_name or last.isdigit():
        raise UsageError(f"{text!r} is no full domain name", remedy="say all of it, such as shop.example.com")
    return ascii_name


def _no_domain(text: str, problem: str, instead: str) -> UsageError:
    return UsageError(f"{text!r}: {problem}", remedy=f"say the name alone: {instead or 'shop.example.com'}")
