"""Probes of VIII: scale out by processes."""

from tolv.prove.probes.concurrency import foreground, independence, jobs, scale

__all__ = ["foreground", "independence", "jobs", "scale"]
