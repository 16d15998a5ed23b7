"""Probes of VI: stateless processes."""
