"""Workflow commands of GitHub Actions."""

from __future__ import annotations

from collections.abc import Mapping

from tolv.reports.text import Level, plain

_COMMANDS: dict[Level, str] = {"error": "error", "warning": "warning", "note": "notice"}


def command(level: Level, properties: Mapping[str, object], text: str) -> str:
    """A workflow command; properties without a value are left out."""
    head = ",".join(f"{name}={_property(plain(str(value)))}" for name, value in properties.items() if value)
    return f"::{_COMMANDS[level]} {head}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
