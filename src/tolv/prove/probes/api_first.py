"""Probes of API: the contract before the code."""
