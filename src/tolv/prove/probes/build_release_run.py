"""Probes of V: build, release and run kept apart."""
