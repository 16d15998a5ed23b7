"""Probes of TEL: what an operator can read."""
