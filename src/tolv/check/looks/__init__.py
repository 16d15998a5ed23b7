"""Looks that several rules share."""
