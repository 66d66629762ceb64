"""report.html: one file that holds all it shows, and asks for nothing."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from geounet.report.content import Content, Layer, Overlay

LEAFLET = "leaflet-1.9.4"
_SCRIPTS = ("dom.js", "ground.js", "layers.js", "panel.js", "tables.js", "charts.js", "main.js")


def page(content: Content) -> str:
    """The page, which is the same for the same content.

    Its policy lets the browser load nothing, and run the scripts and styles of this module alone, by their hashes. All
    that a map brings is in blocks of JSON, where no `<` is left, and becomes text when the scripts show it.
    """
    styles, scripts = _styles(), _scripts()
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hashes(styles)}; script-src {_hashes(scripts)}; "
        "base-uri 'none'; form-action 'none'"
    )
    filled = {
        "policy": policy,
        "styles": "\n".join(f"<style>{style}</style>" for style in styles),
        "licence": (_folder() / "vendor" / LEAFLET / "LICENSE").read_text(encoding="utf-8").replace("<", "&lt;"),
        "content": _block("content", _content(content)),
        "timing": _block("timing", [list(row) for row in content.timing]),
        "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
    }
    template = (_folder() / "web" / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: filled[found[1]], template)


def _folder() -> Traversable:
    return files("geounet.report")


@cache
def _styles() -> tuple[str, ...]:
    leaflet = (_folder() / "vendor" / LEAFLET / "leaflet.css").read_text(encoding="utf-8")
    # its pictures are of controls that the page does not have
    return re.sub(r"url\([^)]*\)", "none", leaflet), (_folder() / "web" / "page.css").read_text(encoding="utf-8")


@cache
def _scripts() -> tuple[str, ...]:
    leaflet = (_folder() / "vendor" / LEAFLET / "leaflet.js").read_text(encoding="utf-8")
    own = [(_folder() / "web" / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    # a browser whose tools are open would look for the map of its source
    plain = re.sub(r"\n//# sourceMappingURL=\S*\s*$", "", leaflet)
    return plain, "(() => {\n" + '"use strict";\n' + "\n".join(own) + "})();\n"


def _hashes(texts: Sequence[str]) -> str:
    digests = (base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii") for text in texts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)


def _block(name: str, value: object) -> str:
    """A block of JSON, in which nothing can end it or begin another element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")
    return f'<script type="application/json" id="{name}">{text}</script>'


def _content(content: Content) -> dict[str, object]:
    return {
        "title": content.title,
        "lead": content.lead,
        "ground": asdict(content.ground) if content.ground else None,
        "overlays": [_overlay(overlay) for overlay in content.overlays],
        "closeUps": [
            {"src": one.picture.uri, "shape": one.picture.shape, "place": one.place} for one in content.close_ups
        ],
        "footprints": [_layer(layer) for layer in content.footprints],
        "grades": [asdict(grade) for grade in content.grades],
        "errors": [_layer(layer) for layer in content.errors],
        "worst": _layer(content.worst) if content.worst else None,
        "summary": [list(row) for row in content.summary],
        "figures": [asdict(table) for table in content.figures],
        "charts": [asdict(chart) for chart in content.charts],
        "pictures": [
            {"title": title, "alt": alt, "src": picture.uri, "shape": picture.shape}
            for title, alt, picture in content.pictures
        ],
        "notes": list(content.notes),
    }


def _overlay(overlay: Overlay) -> dict[str, object]:
    return {
        "id": overlay.id,
        "name": overlay.name,
        "alt": overlay.alt,
        "src": overlay.picture.uri,
        "shape": overlay.picture.shape,
        "place": overlay.place,
        "opacity": overlay.opacity,
        "keys": [list(key) for key in overlay.keys],
        "isScale": overlay.is_scale,
    }


def _layer(layer: Layer) -> dict[str, object]:
    return {
        "id": layer.id,
        "name": layer.name,
        "colour": layer.colour,
        "total": layer.total,
        "isDashed": layer.is_dashed,
        "shapes": [[shape.polygons, dict(shape.facts)] for shape in layer.shapes],
    }
