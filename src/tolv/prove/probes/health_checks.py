"""Probes of HLT: whether it is ready and alive."""
