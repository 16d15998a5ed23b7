"""Probes of I: one codebase, many deploys."""
