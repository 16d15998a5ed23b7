"""What the reports of check, prove, parity and audit have in common: how each format writes a text down."""
