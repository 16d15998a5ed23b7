"""Tolv makes the twelve-factor contract executable: it checks, proves and runs an app."""

__version__ = "0.1.0"
