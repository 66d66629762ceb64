"""The floors of the house: who may import whom, read from the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import geounet

ROOT = Path(__file__).parents[1]
MIDDLE = ("io", "nn", "polygons", "report")
GROUND = {
    "errors", "grid", "frame", "block", "legend", "card", "chips", "contact", "split", "assemble", "footprints",
    "edges", "metrics", "objects", "offset", "order", "rule", "files", "track", "working", "boundary", "bootstrap",
    "calibration", "likeness", "ranking", "memory", "synthetic",
}  # fmt: skip
KEPT_TO = {
    "rasterio": "geounet.io",
    "geopandas": "geounet.io",
    "pyogrio": "geounet.io",
    "torch": "geounet.nn",
    "albumentations": "geounet.nn",
    "safetensors": "geounet.nn",
    "matplotlib": "geounet.report",
    "mlflow": "geounet.jobs.ledger_mlflow",
    "click": "geounet_cli",
    "rich": "geounet_cli",
}
FILES = sorted([*(ROOT / "geounet").rglob("*.py"), *(ROOT / "cli").rglob("*.py")])


def name_of(path: Path) -> str:
    """The module of a file, dotted."""
    inside = path.relative_to(ROOT).with_suffix("")
    parts = ("geounet_cli", *inside.parts[1:]) if inside.parts[0] == "cli" else inside.parts
    return ".".join(parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it, dotted and absolute; names taken from a module as well."""
    name = name_of(path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return imported(package, path.read_text(encoding="utf-8"))


def imported(package: str, source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = parents[: len(parents) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def floor(module: str) -> int | None:
    """3 for the command line, 2 for jobs, 1 for what they join, 0 for the ground; None for others' modules."""
    top, _, rest = module.partition(".")
    if top == "geounet_cli":
        return 3
    if top != "geounet" or not rest:
        return None
    return {"jobs": 2, **dict.fromkeys(MIDDLE, 1)}.get(rest.split(".")[0], 0)


# the package itself hands out jobs, lazily
@pytest.mark.parametrize("path", [path for path in FILES if floor(name_of(path)) is not None], ids=name_of)
def test_a_module_imports_from_its_own_floor_or_below(path: Path) -> None:
    own = floor(name_of(path))
    assert own is not None
    higher = {module for module in imports(path) if (other := floor(module)) is not None and other > own}
    assert not higher


@pytest.mark.parametrize("path", [p for p in FILES if floor(name_of(p)) == 1], ids=name_of)
def test_rooms_of_the_middle_floor_do_not_know_each_other(path: Path) -> None:
    own = name_of(path).split(".")[1]
    met = {module.split(".")[1] for module in imports(path) if floor(module) == 1}
    assert met <= {own}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_heavy_libraries_stay_in_their_rooms(path: Path) -> None:
    name = name_of(path)
    strays = {m for m in imports(path) if m.split(".")[0] in KEPT_TO and not name.startswith(KEPT_TO[m.split(".")[0]])}
    assert not strays


def test_every_module_has_a_floor() -> None:
    tops = {name_of(path).split(".")[1] for path in FILES if name_of(path).startswith("geounet.")}
    assert tops == GROUND | set(MIDDLE) | {"jobs"}


def test_no_submodule_bears_the_name_of_a_public_function() -> None:
    submodules = {path.stem for path in (ROOT / "geounet").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not submodules & set(geounet.__all__)


@pytest.mark.parametrize("name", sorted(set(geounet.__all__) - {"__version__"}))
def test_a_public_function_is_handed_out_under_its_name(name: str) -> None:
    function = getattr(geounet, name)
    assert callable(function)
    assert (function.__name__, function.__module__) == (name, f"geounet.jobs.{name}")


def test_a_name_that_the_package_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'geounet' has no attribute 'magic'"):
        _ = geounet.magic


def test_imports_are_seen_inside_functions_and_when_relative() -> None:
    source = "def f():\n    from ..grid import Window\n    import torch.nn\n    from . import gdal\n"
    assert set(imported("geounet.io", source)) == {
        "geounet.grid", "geounet.grid.Window", "torch.nn", "geounet.io", "geounet.io.gdal",
    }  # fmt: skip
