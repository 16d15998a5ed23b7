"""Probes of VIII: scaling out by processes."""
