"""Probes of IV: backing services attached."""
