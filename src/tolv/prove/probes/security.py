"""Probes of SEC: what the app protects."""
