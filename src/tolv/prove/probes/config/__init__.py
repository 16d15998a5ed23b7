"""Probes of III: config in the environment."""

from tolv.prove.probes.config import effects, leaks, missing, told

__all__ = ["effects", "leaks", "missing", "told"]
