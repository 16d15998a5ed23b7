"""Probes of III: config in the environment."""

from tolv.prove.probes.config import effects, missing, told

__all__ = ["effects", "missing", "told"]
