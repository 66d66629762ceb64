"""Figures of a map for people: what infer tells of its making, and eval of its quality, as tables and curves."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeGuard

from geounet.report.content import Chart, Table

Json = Mapping[str, object]
_Path = tuple[str, ...]

_LONGEST = 160  # letters of a text
_MOST_ROWS = 200
_NAMES = {
    "iou": "IoU",
    "f1": "F1",
    "iou_two_channel": "two-channel IoU",
    "boundary_f1": "boundary F1",
    "polis_m": "PoLiS",
    "ap": "AP",
    "ap50_95": "AP, IoU 0.5 to 0.95",
    "rotation_deg": "rotation (°)",
    "matched_iou": "matched IoU",
    "rho": "distance (px)",
    "unit": "unit of PoLiS",
    "ground_resolution": "ground resolution (m)",
    **{f"{distance}px": f"{distance} px" for distance in (1, 2, 3)},
    **{f"{distance}m": f"{distance} m" for distance in ("0.5", "1")},
}
_TITLES = {"pixel": "Pixels", "objects": "Buildings one by one", "polygons": "Outlines"}
_APART = ("intervals", "sweep", "worst")  # shown with the others, as curves, and on the map
_STAGES = {
    "total": "In all",
    "read": "Reading the scene",
    "forward": "In the network",
    "write": "Writing parts",
    "assemble": "Rasters",
    "vectorize": "Footprints",
}


def short(value: object) -> str:
    """A text of one line that is not too long to be shown.

    >>> short("a\\nb")
    'a b'
    """
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def number(value: float) -> str:
    """A number for people.

    >>> number(12345), number(0.51234), number(12.0), number(87654.321)
    ('12,345', '0.512', '12.0', '87,654.3')
    """
    if isinstance(value, int) or value != value or abs(value) == float("inf"):  # noqa: PLR0124 (NaN)
        return f"{value:,}"
    return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"


def listed(names: Sequence[str], most: int = 10) -> str:
    """Names with commas between, the first of many.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    shown = ", ".join(short(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def timing_rows(summary: Json) -> list[tuple[str, str]]:
    """How long a map took: what differs from run to run."""
    seconds = summary.get("seconds")
    rows = []
    if isinstance(seconds, Mapping):
        known = {key: seconds[key] for key in _STAGES if _is_number(seconds.get(key))}
        rows = [(_STAGES[key], f"{value:,.1f} s") for key, value in known.items()]
    if _is_number(speed := summary.get("megapixels_per_second")):
        rows.append(("Speed", f"{speed:g} Mpx/s"))
    if _is_number(memory := summary.get("peak_memory_mb")):
        rows.append(("Peak memory", f"{memory:,.0f} MB"))
    windows, skipped = summary.get("windows"), summary.get("windows_skipped")
    if _is_number(windows) and _is_number(skipped):
        rows.append(("Windows", f"{windows:,} through the network, {skipped:,} without data skipped"))
    resumed, parts = summary.get("parts_resumed"), summary.get("parts")
    if _is_number(resumed) and resumed:
        rows.append(("Gone on with", f"{resumed} of {parts} parts that an earlier run had made"))
    return rows


def metric_tables(metrics: Json) -> list[Table]:
    """Tables of what eval, or a training, wrote into metrics.json, whatever of it is there."""
    intervals = metrics.get("intervals")
    found = {".".join(path): ends for path, ends in _flat(intervals)} if isinstance(intervals, Mapping) else {}
    sections = {key: value for key, value in metrics.items() if isinstance(value, Mapping) and key not in _APART}
    order = [*(key for key in _TITLES if key in sections), *(key for key in sections if key not in _TITLES)]
    tables = [table for key in order for table in _tables(key, sections[key], found)]
    single = {key: value for key, value in metrics.items() if _is_shown(value)}
    return [*tables, *sweep_tables(metrics), *([_table("Scored", "", single, {})] if single else [])]


def _tables(section: str, values: Json, intervals: Mapping[str, object]) -> Iterator[Table]:
    """A section's figures, one below the other, and those of several groups beside one another."""
    title = _TITLES.get(section, _name((section,)))
    groups = {key: grid for key, value in values.items() if (grid := _grid(value))}
    yield _table(title, section, {key: value for key, value in values.items() if key not in groups}, intervals)
    for key, group in groups.items():
        head = list(next(iter(group.values())))
        rows = [(_name((name,)), *(_value(row[column]) for column in head)) for name, row in group.items()]
        yield Table(f"{title}, {_name((key,))}", ("", *(_name((column,)) for column in head)), rows[:_MOST_ROWS])


def _grid(value: object) -> Mapping[str, Json]:
    """A mapping of mappings that all have the same keys and plain values; anything else is an empty one."""
    rows = {key: row for key, row in value.items() if isinstance(row, Mapping)} if isinstance(value, Mapping) else {}
    first = list(next(iter(rows.values()), {}))
    is_even = all(list(row) == first and all(map(_is_shown, row.values())) for row in rows.values())
    return rows if isinstance(value, Mapping) and len(rows) == len(value) and is_even else {}


def _table(title: str, section: str, values: Json, intervals: Mapping[str, object]) -> Table:
    rows = [
        (_name(path), _value(value), _interval(intervals.get(".".join((section, *path) if section else path))))
        for path, value in islice(_flat(values), _MOST_ROWS)
    ]
    if not any(interval for _, _, interval in rows):
        return Table(title, (), [row[:2] for row in rows])
    return Table(title, ("", "value", "95 % interval"), rows)


def _flat(values: Json, before: _Path = ()) -> Iterator[tuple[_Path, object]]:
    """Values by their names, of mappings and lists in mappings too; pairs of numbers stay together."""
    for key, value in values.items():
        path = (*before, str(key))
        if isinstance(value, Mapping):
            yield from _flat(value, path)
        elif isinstance(value, list) and not (len(value) == 2 and all(map(_is_number, value))):
            yield from _flat({str(at): one for at, one in enumerate(value, 1)}, path)
        else:
            yield path, value


def _interval(value: object) -> str:
    if isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)):
        return f"{number(float(value[0]))} to {number(float(value[1]))}"
    return ""


def _name(path: _Path) -> str:
    return short(" · ".join(_NAMES.get(part, part.replace("_m2", " m²").replace("_", " ")) for part in path))


def _value(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return _interval(value)
    return number(value) if _is_number(value) else short(value)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_shown(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def metric_charts(metrics: Json) -> list[Chart]:
    """Curves of a sweep over thresholds, where there is one: scores at each, and what probabilities are worth."""
    sweep = metrics.get("sweep")
    if not isinstance(sweep, Mapping):
        return []
    rows = [row for row in _rows(sweep.get("thresholds")) if _is_number(row.get("threshold"))]
    scores = [(_NAMES.get(key, key), _points(rows, "threshold", key)) for key in ("precision", "recall", "iou")]
    best = sweep.get("best_iou")
    at = best.get("threshold") if isinstance(best, Mapping) else None
    mark = (float(at), f"best IoU at {at:g}") if _is_number(at) and 0 <= at <= 1 else None
    charts = [Chart("Scores by threshold", "threshold", [line for line in scores if line[1]], mark)]
    claims = []
    reliability = sweep.get("reliability")
    for name, one in reliability.items() if isinstance(reliability, Mapping) else ():
        claimed, right = (one.get(key) for key in ("claimed", "right")) if isinstance(one, Mapping) else (None, None)
        if isinstance(claimed, list) and isinstance(right, list):
            pairs = [{"claimed": x, "right": y} for x, y in zip(claimed, right, strict=False)]
            claims.append((short(name), _points(pairs, "claimed", "right")))
    charts.append(Chart("Share that is right", "probability", [line for line in claims if line[1]], has_diagonal=True))
    return [chart for chart in charts if chart.lines]


def sweep_tables(metrics: Json) -> list[Table]:
    """The threshold of the map beside the best one."""
    sweep = metrics.get("sweep")
    if not isinstance(sweep, Mapping):
        return []
    keys = ("threshold", "iou", "f1", "precision", "recall")
    rows = [
        (name, *(_value(found.get(column)) for column in keys))
        for name, key in (("of the map", "chosen"), ("best IoU", "best_iou"))
        if isinstance(found := sweep.get(key), Mapping)
    ]
    advice = f"The best one: geounet infer {short(sweep['advice'])}" if sweep.get("advice") else ""
    return [Table("Threshold", ("", *(_name((column,)) for column in keys)), rows, advice)] if rows else []


def _rows(value: object) -> list[Json]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _points(rows: Sequence[Json], across: str, key: str) -> list[tuple[float, float]]:
    """Places of a line, where both of its numbers are known and lie between 0 and 1."""
    found = [(row.get(across), row.get(key)) for row in rows]
    return [
        (float(x), float(y)) for x, y in found if _is_number(x) and _is_number(y) and 0 <= min(x, y) <= max(x, y) <= 1
    ]
