"""Mail that is caught: Tolv's own mail server, of `aiosmtpd`, which keeps every message and sends none."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import sys
from pathlib import Path

from tolv.errors import PlatformError, UsageError
from tolv.services import archive
from tolv.services.mail import users
from tolv.services.mail.spool import MESSAGES, numbers, path_of
from tolv.services.model import Binaries, Command, Facts, Instance
from tolv.services.protocols import smtp
from tolv.services.provider import Tell
from tolv.services.urls import build, parse

_ADMINISTRATOR = "tolv"
#: Its grace: what is being received is written in far less.
_GRACE = 10.0


class Smtp:
    """Runs `python -m tolv.services.mail`."""

    kind = "smtp"

    def find(self, wanted: str | None, cache: Path, tell: Tell) -> Binaries:
        version = importlib.metadata.version("aiosmtpd")
        if wanted is not None and f"{version}.".startswith(f"{wanted}.") is False:
            raise UsageError(
                f"there is no mail catcher of version {wanted}; Tolv's is aiosmtpd {version}",
                remedy="leave the version away, or attach a mail server with --url smtp://…",
            )
        places = (sys.prefix, sys.base_prefix, *_packages())
        reads = tuple(dict.fromkeys(Path(each).resolve() for each in places))
        return Binaries(version, Path(sys.executable).parent, f"Tolv's own, aiosmtpd {version}", reads)

    def prepare(self, instance: Instance) -> None:
        try:
            directory = instance.directory / MESSAGES
            directory.mkdir(mode=0o700, exist_ok=True)
            if instance.user is not None:
                os.chown(directory, instance.user, instance.user)
            users.admit(instance.directory, _ADMINISTRATOR, instance.password, owner=instance.user)
        except OSError as error:
            raise _failed("the mail catcher's directory cannot be made", instance, error) from None

    def command(self, instance: Instance) -> Command:
        return Command(
            argv=(
                *(sys.executable, "-P", "-m", "tolv.services.mail"),
                *("--directory", str(instance.directory), "--port", str(instance.port)),
            ),
            environment={"PYTHONPATH": os.pathsep.join(_packages()), "PYTHONDONTWRITEBYTECODE": "1"},
            grace=_GRACE,
        )

    def ask(self, instance: Instance, timeout: float) -> Facts:
        facts = smtp.ask(parse(_url(instance, _ADMINISTRATOR, instance.password)), timeout)
        return Facts(facts.version, _size(instance), facts.read_only)

    def grant(self, instance: Instance, tenant: str, password: str) -> str:
        if tenant == _ADMINISTRATOR:
            raise UsageError(f"a deploy cannot log in to mail as {tenant}", remedy="choose another name")
        try:
            users.admit(instance.directory, tenant, password, owner=instance.user)
        except OSError as error:
            raise _failed("the user cannot be written down", instance, error) from None
        return _url(instance, tenant, password)

    def revoke(self, instance: Instance, tenant: str) -> None:
        try:
            users.dismiss(instance.directory, tenant, owner=instance.user)
        except OSError as error:
            raise _failed("the user cannot be taken away", instance, error) from None

    def backup(self, instance: Instance, target: Path, tell: Tell) -> None:
        try:
            with archive.Writer(self.kind, target) as writer:
                for number in sorted(numbers(instance.directory)):
                    _add(writer, instance, f"{number:08}")
        except OSError as error:
            raise _failed("the mail cannot be read", instance, error) from None
        tell(f"{writer.count} messages written to {target}")

    def restore(self, instance: Instance, source: Path, tell: Tell) -> None:
        items = archive.check(self.kind, source)
        if not all(item.name.isascii() and item.name.isdecimal() and len(item.name) < 19 for item in items):
            raise UsageError("the backup holds what is no message", where=str(source))
        try:
            if any(True for _ in numbers(instance.directory)):
                raise UsageError("there is mail already; a backup is restored into an empty mailbox")
            try:
                for item, content, changed in archive.read(items, source):
                    _put(instance, item.name, content, changed)
                _verify(instance, items)
            except BaseException:
                for number in numbers(instance.directory):
                    path_of(instance.directory, f"{number}").unlink(missing_ok=True)
                raise
        except OSError as error:
            raise _failed("the mail cannot be restored", instance, error) from None
        tell(f"{len(items)} messages restored and verified")


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


def _add(writer: archive.Writer, instance: Instance, id: str) -> None:
    """A message that went meanwhile, as the oldest do, is left out."""
    try:
        file = path_of(instance.directory, id).open("rb")
    except FileNotFoundError:
        return
    with file:
        state = os.fstat(file.fileno())
        writer.add(id, state.st_size, file, state.st_mtime, {})


def _put(instance: Instance, id: str, content: archive.Stream, changed: float) -> None:
    path = path_of(instance.directory, id)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        if instance.user is not None:
            os.fchown(descriptor, instance.user, instance.user)
        while data := content.read(1 << 20):
            file.write(data)
        file.flush()
        os.fsync(descriptor)
    os.utime(path, (changed, changed))


def _verify(instance: Instance, items: list[archive.Item]) -> None:
    for item in items:
        if archive.sha256(path_of(instance.directory, item.name)) != item.sha256:
            raise PlatformError(f"message {item.name} is not what the backup holds", where=str(instance.directory))


def _failed(problem: str, instance: Instance, error: OSError) -> PlatformError:
    remedy = "free some space on the disk, or look at the directory's owner and mode"
    return PlatformError(f"{problem}: {error.strerror or error}", where=str(instance.directory), remedy=remedy)
