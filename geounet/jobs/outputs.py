"""Names of what infer writes into its folder, and eval beside it."""

CLASSES = "classes.tif"
PROBABILITY = "probability.tif"
PROBABILITY_STYLE = "probability.qml"  # by its name, QGIS finds it beside the raster
FOOTPRINTS = "footprints.gpkg"
PROJECT = "map.qgz"
PREVIEW = "preview.png"
SUMMARY = "summary.json"
REPORT = "report.html"  # made of a map that is finished
PARTS = "parts"
OWN_GRID = "scene"  # in the folder of parts: those on the scene's own pixels
SPOOL = "spool"  # in the folder of parts: what is decoded of files that are costly to read in pieces
ALL = (
    SUMMARY, CLASSES, CLASSES + ".aux.xml", PROBABILITY, PROBABILITY_STYLE, FOOTPRINTS, PROJECT, PREVIEW
)  # the proof of the others first  # fmt: skip
METRICS, ERRORS, SWEEP = "metrics.json", "errors.gpkg", "sweep.png"
SCORES = (METRICS, ERRORS, SWEEP)  # what eval adds to the folder
