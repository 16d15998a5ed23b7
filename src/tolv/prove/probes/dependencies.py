"""Probes of II: dependencies declared and isolated."""
