"""Probes of XI: logs are a stream of events on standard output."""

from tolv.prove.probes.logs import files, stream

__all__ = ["files", "stream"]
