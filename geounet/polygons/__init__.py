"""Rasters to polygons."""
