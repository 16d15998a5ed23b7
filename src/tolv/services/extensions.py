"""What to do when an app asks PostgreSQL for an extension that its server does not carry."""

from __future__ import annotations

import re
from pathlib import Path

from tolv.services.model import Binaries
from tolv.services.programs import order
from tolv.services.providers import postgres

#: What PostgreSQL says, whatever driver passes it on.
_MISSING = re.compile(r'extension "([\w-]+)" is not available')


def hint(said: str) -> str | None:
    """What helps an app that said this; None: it lacks no extension."""
    found = _MISSING.search(said)
    if found is None:
        return None
    there = having(found[1])
    versions = (
        f"these versions carry it: {', '.join(there)}" if there else "no version that Tolv can run here carries it"
    )
    return (
        f"the server has no extension {found[1]}; {versions}; swap to one, declare it in tolv.toml, "
        "or install PostgreSQL with its contrib package on the host"
    )


def having(extension: str) -> list[str]:
    """The versions that can be had on this machine with an extension, the newest first."""
    versions = {one.version for one in postgres.WHEELS if extension in one.extensions}
    versions |= {one.version for one in postgres.on_host() if _carries(one, extension)}
    return sorted(versions, key=order, reverse=True)


def _carries(binaries: Binaries, extension: str) -> bool:
    above = binaries.directory.parent
    major = str(order(binaries.version)[0])
    places = (
        above / "share" / "extension",
        above / "share" / "postgresql" / "extension",
        Path("/usr/share/postgresql", major, "extension"),
    )
    return any((place / f"{extension}.control").is_file() for place in places)
