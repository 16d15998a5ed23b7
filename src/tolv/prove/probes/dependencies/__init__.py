"""Probes of II: dependencies are declared and isolated."""

from __future__ import annotations

from tolv.prove.probes.dependencies import installed, used

__all__ = ["installed", "used"]
