"""The protocols of backing services, as far as it takes to ask one what it is."""
