"""Places of things: settings, models, stores. Environment variables are read in settings.py only."""
