"""Front ends: one per language, each gives `tolv.check.source.Source`."""
