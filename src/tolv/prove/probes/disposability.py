"""Probes of IX: fast start, graceful stop."""
