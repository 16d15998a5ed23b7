"""Probes of XII: admin tasks as one-offs."""
