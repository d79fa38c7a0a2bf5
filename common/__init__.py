"""What the five models share; each module knows one thing and none knows a model."""
