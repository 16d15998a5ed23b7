"""Probes of VI: processes are stateless and share nothing."""

from tolv.prove.probes.processes import agreement, files, memory, sessions

__all__ = ["agreement", "files", "memory", "sessions"]
