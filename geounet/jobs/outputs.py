"""Names of what infer writes into its folder."""

CLASSES = "classes.tif"
PROBABILITY = "probability.tif"
FOOTPRINTS = "footprints.gpkg"
PREVIEW = "preview.png"
SUMMARY = "summary.json"
PARTS = "parts"
OWN_GRID = "scene"  # in the folder of parts: those on the scene's own pixels
SPOOL = "spool"  # in the folder of parts: what is decoded of files that are costly to read in pieces
ALL = (SUMMARY, CLASSES, CLASSES + ".aux.xml", PROBABILITY, FOOTPRINTS, PREVIEW)  # the proof of the others first
