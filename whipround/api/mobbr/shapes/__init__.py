"""The objects of the dialect, one module per chapter."""
