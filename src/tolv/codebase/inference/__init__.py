"""What an app that declares no backing services seems to need, from its tree alone."""
