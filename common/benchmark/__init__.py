"""How fast input, training and tables are."""
