"""Reading and writing: rasters, vector files, labels, training windows. rasterio and geopandas live here alone."""
