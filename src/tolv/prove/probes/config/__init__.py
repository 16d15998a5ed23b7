"""Probes of III: config in the environment."""

from tolv.prove.probes.config import effects, missing

__all__ = ["effects", "missing"]
