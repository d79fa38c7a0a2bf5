"""The data sets: one module each, with its schema, its synthetic writer and its conversion."""
