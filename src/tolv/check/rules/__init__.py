"""The catalogue, one module per factor."""
