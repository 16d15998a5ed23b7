"""Config at rest: encrypted with keys that lie beside the store, readable to their owner alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from tolv.errors import PlatformError


class Cipher:
    """Seals and opens config with the keys of one file: one Fernet key a line, the newest first."""

    def __init__(self, key_file: Path, *, create: bool = True) -> None:
        """Read the keys, after making the first if there is no such file (mode 0600, on disk before it is used).

        Not `create`: something was sealed already, and a new key would not open it. Raises `PlatformError` if the file
        cannot be read or made, holds no key, can be read by others, or is gone.
        """
        self._key_file = key_file
        try:
            if not key_file.exists():
                if not create:
                    raise _lost(key_file)
                _create(key_file, Fernet.generate_key() + b"\n")
            self._keys = _read(key_file)
        except OSError as error:
            raise _unusable(key_file, error.strerror or str(error)) from None
        self._fernet = MultiFernet([Fernet(key) for key in self._keys])

    def seal(self, values: Mapping[str, str]) -> bytes:
        """The values, encrypted with the newest key."""
        return self._fernet.encrypt(json.dumps(dict(values)).encode("ascii"))

    def open(self, sealed: bytes) -> dict[str, str]:
        """The values that `seal` was given. Raises `PlatformError` if no key opens them."""
        try:
            values: dict[str, str] = json.loads(self._fernet.decrypt(sealed))
        except InvalidToken:
            raise self._no_key() from None
        return values

    def add_key(self) -> None:
        """Put a new key before the others: it seals from now on, and they still open. The file is replaced at once."""
        keys = [Fernet.generate_key(), *self._keys]
        try:
            _replace(self._key_file, b"".join(key + b"\n" for key in keys))
        except OSError as error:
            raise _unusable(self._key_file, error.strerror or str(error)) from None
        self._keys = keys
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def rotate(self, sealed: bytes) -> bytes:
        """The same values, encrypted with the newest key. Raises `PlatformError` if no key opens them."""
        try:
            return self._fernet.rotate(sealed)
        except InvalidToken:
            raise self._no_key() from None

    def fingerprint(self, value: str) -> str:
        """32 hex digits that tell two values apart and say nothing of either to whoever lacks the keys.

        Keyed with the oldest key, so that `add_key` changes none.
        """
        oldest = base64.urlsafe_b64decode(self._keys[-1])
        key = hmac.digest(oldest, b"tolv: fingerprints of config values", hashlib.sha256)
        return hmac.new(key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]

    def _no_key(self) -> PlatformError:
        return PlatformError(
            "config cannot be decrypted: it was sealed with a key that is not here, or is damaged",
            where=str(self._key_file),
            remedy="put back the key file that belongs to this store",
        )


def _read(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise _unusable(path, "others may read it", f"chmod 600 {path}")
        keys = [line.strip() for line in file if line.strip()]
    for number, key in enumerate(keys, start=1):
        try:
            Fernet(key)
        except ValueError:
            raise _unusable(path, f"line {number} is not a key") from None
    if not keys:
        raise _unusable(path, "it is empty")
    return keys


def _create(path: Path, content: bytes) -> None:
    """Make the file unless another process does so first; whoever reads it sees all of it."""
    written = _written(path, content)
    try:
        os.link(written, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(written)
    _sync_directory(path)


def _replace(path: Path, content: bytes) -> None:
    os.replace(_written(path, content), path)
    _sync_directory(path)


def _written(path: Path, content: bytes) -> str:
    """A file beside `path` with this content, mode 0600, on disk."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".keys-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return name


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lost(path: Path) -> PlatformError:
    return PlatformError(
        "the keys of the config are gone: without them nobody can read it",
        where=str(path),
        remedy="put the file back from a copy; if there is none, move the store away too, and deploy everything anew",
    )


def _unusable(path: Path, why: str, remedy: str = "restore it from a copy, or check that you own it") -> PlatformError:
    return PlatformError(f"the keys of the config cannot be used: {why}", where=str(path), remedy=remedy)
