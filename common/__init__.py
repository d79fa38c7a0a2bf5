"""What the models share; each module knows one thing and none knows a model."""

__version__ = "1.0.0"
