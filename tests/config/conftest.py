"""Settings of the property tests."""

from hypothesis import settings

settings.register_profile("tolv", deadline=None)  # a busy machine fails no test
settings.load_profile("tolv")
