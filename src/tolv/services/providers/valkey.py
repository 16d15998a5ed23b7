"""Valkey on this machine: as Redis is run, with Valkey's own server."""

from __future__ import annotations

from tolv.services.providers.redis import RedisProvider

PROVIDER = RedisProvider("valkey")
