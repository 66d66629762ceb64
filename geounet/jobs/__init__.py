"""Whole jobs, one a module: each reads top to bottom as the path of the data."""
