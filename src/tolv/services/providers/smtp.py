"""Mail that is caught: Tolv's own mail server, of `aiosmtpd`, which keeps every message and sends none.

It takes mail without a login, too: it listens on loopback alone, and many apps set no more than a host and a port. A
wrong password is refused. It offers no TLS. The newest thousand messages are kept, or 256 MiB of them.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import sys
from pathlib import Path

from tolv.errors import UsageError
from tolv.services import archive, private
from tolv.services.mail import users
from tolv.services.mail.spool import MESSAGES, numbers, path_of
from tolv.services.model import Binaries, Command, Facts, Instance
from tolv.services.protocols import smtp
from tolv.services.provider import Tell
from tolv.services.providers.failing import can
from tolv.services.urls import build, parse

#: No tenant has a name with a hyphen.
_ADMINISTRATOR = "tolv-admin"
#: Its grace: what is being received is written in far less.
_GRACE = 10.0


class SmtpProvider:
    """Runs `python -m tolv.services.mail`."""

    kind = "smtp"

    def find(self, wanted: str | None, cache: Path, tell: Tell) -> Binaries:
        """Tolv's own interpreter. Raises `UsageError` for another version than aiosmtpd's."""
        version = importlib.metadata.version("aiosmtpd")
        if wanted is not None and not f"{version}.".startswith(f"{wanted}."):
            raise UsageError(
                f"there is no mail catcher of version {wanted}; Tolv's is aiosmtpd {version}",
                remedy="leave the version away, or attach a mail server with --url smtp://…",
            )
        places = (sys.prefix, sys.base_prefix, *_packages())
        reads = tuple(dict.fromkeys(Path(each).resolve() for each in places))
        return Binaries(version, Path(sys.executable).parent, f"Tolv's own, aiosmtpd {version}", reads)

    def prepare(self, instance: Instance) -> None:
        """The directory of messages, and Tolv's own user."""
        with can("the mail catcher's directory cannot be made", instance):
            private.make(instance.directory / MESSAGES, instance.user)
            users.admit(instance.directory, _ADMINISTRATOR, instance.password, owner=instance.user)

    def command(self, instance: Instance) -> Command:
        """The mail server, in Tolv's own interpreter."""
        return Command(
            argv=(
                *(sys.executable, "-P", "-m", "tolv.services.mail"),
                *("--directory", str(instance.directory), "--port", str(instance.port)),
            ),
            environment={"PYTHONPATH": os.pathsep.join(_packages()), "PYTHONDONTWRITEBYTECODE": "1"},
            grace=_GRACE,
        )

    def ask(self, instance: Instance, timeout: float) -> Facts:
        """Version, bytes of all messages, and whether more can be taken."""
        facts = smtp.ask(parse(_url(instance, _ADMINISTRATOR, instance.password)), timeout)
        return Facts(facts.version, _size(instance), facts.read_only)

    def grant(self, instance: Instance, tenant: str, password: str) -> str:
        """A user of its own, who may send; all mail lies in one mailbox, and says who sent it."""
        with can("the user cannot be written down", instance):
            users.admit(instance.directory, tenant, password, owner=instance.user)
        return _url(instance, tenant, password)

    def revoke(self, instance: Instance, tenant: str) -> None:
        """The next login is refused."""
        with can("the user cannot be taken away", instance):
            users.dismiss(instance.directory, tenant, owner=instance.user)

    def backup(self, instance: Instance, target: Path, tell: Tell) -> None:
        """All messages."""
        with can("the mail cannot be read", instance):
            found = [(f"{each:08}", path_of(instance.directory, str(each))) for each in numbers(instance.directory)]
        archive.pack(self.kind, instance.binaries.version, sorted(found), target, tell)

    def restore(self, instance: Instance, source: Path, tell: Tell) -> None:
        """All messages, into a mailbox that has none."""
        with can("the mail cannot be read", instance):
            if any(True for _ in numbers(instance.directory)):
                raise UsageError(
                    "there is mail already",
                    where=str(instance.directory),
                    remedy="restore into a new resource",
                )

        def place(name: str) -> Path | None:
            number = name.isascii() and name.isdecimal() and len(name) < 19
            return path_of(instance.directory, name) if number else None

        archive.unpack(self.kind, source, place, instance.user, tell)


def _packages() -> list[str]:
    """Where Tolv and aiosmtpd lie: for an interpreter that does not see them by itself."""
    found = (importlib.util.find_spec(name) for name in ("tolv", "aiosmtpd"))
    places = (Path(spec.origin).resolve().parents[1] for spec in found if spec is not None and spec.origin)
    return list(dict.fromkeys(str(each) for each in places))


def _url(instance: Instance, user: str, password: str) -> str:
    return build("smtp", "127.0.0.1", instance.port, user=user, password=password)


def _size(instance: Instance) -> int | None:
    """Bytes of all messages."""
    try:
        with os.scandir(instance.directory / MESSAGES) as entries:
            return sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
    except OSError:
        return None


PROVIDER = SmtpProvider()
