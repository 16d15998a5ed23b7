"""Probes of X: the same here as in production."""
