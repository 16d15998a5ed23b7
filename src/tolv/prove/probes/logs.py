"""Probes of XI: logs as a stream of events."""
