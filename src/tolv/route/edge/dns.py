"""Whether a domain leads to this machine, as far as this machine can tell."""

from __future__ import annotations

import socket
import threading

#: Seconds for the resolver.
_PATIENCE = 3.0


def doubt(name: str) -> str | None:
    """Why the domain may not lead here; None if it does. Never an error: behind a NAT nobody here can know."""
    answer: list[list[str]] = []
    asked = threading.Thread(target=lambda: answer.append(_resolve(name)), daemon=True)
    asked.start()
    asked.join(_PATIENCE)
    if not answer:
        return f"nobody could tell in {_PATIENCE:.0f} s where {name} leads"
    if not answer[0]:
        return f"{name} leads nowhere yet: give it an A or AAAA record with this machine's address"
    strange = [one for one in answer[0] if not _is_ours(one)]
    if strange:
        return f"{name} leads to {', '.join(strange)}, which is no address of this machine (fine behind a NAT)"
    return None


def _resolve(name: str) -> list[str]:
    try:
        found = socket.getaddrinfo(name, 443, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError):
        return []
    return sorted({str(one[4][0]) for one in found})


def _is_ours(address: str) -> bool:
    """Only an address of this machine can be bound to."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
