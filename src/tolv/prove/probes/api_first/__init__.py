"""Probes of API first: the contract holds, and changes as it says."""

from tolv.prove.probes.api_first import change, conformity

__all__ = ["change", "conformity"]
