"""What was read before, by its exact bytes: clients and upstreams repeat themselves."""

from __future__ import annotations

from typing import Generic, TypeVar

Read = TypeVar("Read")


class Memory(Generic[Read]):
    """A bounded map from bytes to what they mean. When it is full it begins anew."""

    def __init__(self, *, entries: int, key_bytes: int) -> None:
        self._entries = entries
        self._key_bytes = key_bytes
        self._known: dict[bytes, Read] = {}
        self.get = self._known.get
        """What these bytes mean, or None."""

    def put(self, key: bytes, value: Read) -> None:
        """Remember, unless the key is long: such a one is rarely met twice."""
        if len(key) <= self._key_bytes:
            if len(self._known) >= self._entries:
                self._known.clear()
            self._known[key] = value
