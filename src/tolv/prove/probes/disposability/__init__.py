"""Probes of IX: processes start fast, stop gracefully, and may die at any moment."""

from tolv.prove.probes.disposability import jobs, starts, stops

__all__ = ["jobs", "starts", "stops"]
