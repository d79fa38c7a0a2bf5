"""From a loss to one update."""
