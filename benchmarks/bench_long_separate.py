"""Touching buildings of the test town, taken apart and left together, in the map of a model trained on the other town.

Trains first, for several minutes; with --map on a probability.tif that is there already it only separates and scores.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pyogrio
import shapely

from geounet.footprints import Geometries
from geounet.jobs.infer import infer
from geounet.jobs.tile import tile
from geounet.jobs.train import train
from geounet.jobs.vectorize import vectorize
from geounet.objects import Matching, matched

SAMPLES = Path(__file__).parents[1] / "sample_tiles"
# small windows: a step is a quarter of the work of one of 256 px, and there are more of them with a shared wall
GSD, SIZE, BATCH, STEPS = 0.3, 128, 4, 6000


def mapped(folder: Path) -> Path:
    """probability.tif of the test town, by a model that saw the training town."""
    town, labels = SAMPLES / "town_train.tif", SAMPLES / "town_train.gpkg"
    chips = tile([town], labels=[labels], out=folder / "chips", gsd=GSD, size=SIZE, stride=SIZE)
    begin = time.process_time()
    run = train(chips.out, out=folder / "run", steps=STEPS, batch_size=BATCH, width=16)
    print(f"trained in {time.process_time() - begin:.0f} s of processor time, validation IoU {run.iou or 0:.3f}")
    return infer(SAMPLES / "town_test.tif", model=run.run, out=folder / "map", no_vectors=True).out / "probability.tif"


def told(what: str, found: Matching) -> None:
    f1, precision, recall, iou = (
        value or 0.0 for value in (found.f1, found.precision, found.recall, found.matched_iou)
    )
    print(
        f"{what:<28} F1 {f1:.3f}  precision {precision:.3f}  recall {recall:.3f}  IoU {iou:.3f}  "
        f"merged {found.merged:3}  split {found.split:3}"
    )


def meeting(found: Geometries, truth: Geometries) -> Geometries:
    """The polygons found that meet any of the true ones."""
    met: Geometries = found[np.unique(shapely.STRtree(found).query(truth, predicate="intersects")[1])]
    return met


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--map", type=Path, help="probability.tif of the scene, with a band of contact")
    parser.add_argument("--labels", type=Path, default=SAMPLES / "town_test.gpkg")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        probability = given.map or mapped(Path(folder))
        for separate, name in ((False, "together"), (True, "apart")):
            begin = time.perf_counter()
            out = vectorize(probability, out=Path(folder) / f"{name}.gpkg", separate=separate).out
            seconds = time.perf_counter() - begin
            table = pyogrio.read_dataframe(out, layer="building")
            labels = pyogrio.read_dataframe(given.labels).to_crs(table.crs)
            found, truth = table.geometry.to_numpy(), shapely.make_valid(labels.geometry.to_numpy())
            told(f"{name}, {len(found)} in {seconds:.2f} s", matched(truth, found))
            if "kind" in labels.columns:
                rows = truth[(labels["kind"] == "row").to_numpy()]
                told("    row houses alone", matched(rows, meeting(found, rows)))


if __name__ == "__main__":
    main()
