"""Probes of III: config in the environment."""
