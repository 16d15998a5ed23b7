"""Drills: faults done on purpose to a deploy under load, and what came of them."""
