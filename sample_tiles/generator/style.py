"""What makes one town differ from another: its seed, place, sun, roofs, ground and density."""

from __future__ import annotations

from dataclasses import dataclass, replace

RGB = tuple[float, float, float]

PIXEL = 0.3
CRS = "EPSG:32632"


@dataclass(frozen=True, slots=True)
class Sun:
    """Where the light comes from: azimuth clockwise from north and elevation, in degrees."""

    azimuth: float
    elevation: float


@dataclass(frozen=True, slots=True)
class TownStyle:
    """Everything that is decided about a town before the dice are thrown.

    Args:
        side: pixels along each side of the scene.
        west: easting of the scene's left edge, metres.
        north: northing of the scene's upper edge, metres.
        pitched: weights of the covers of pitched roofs, by name in `covers.COVERS`.
        flat: weights of the covers of flat roofs.
        uses: weights of the land uses of blocks, by name in `quarters.USES`.
        parcel_width: mean frontage of a detached house, metres.
        greenness: 0 for a dry summer, 1 for a wet spring.
        trees: trees per square metre of garden.
        haze: share of the light that the air scatters into the camera.
        tilt: degrees by which the valid outline is turned inside the scene.
        collar: grey level written under the mask.
        ground_tints, roof_tints: what the colours of a surface or cover are multiplied by, red green blue, by its
            name; others stay.
        wear: how much more the roofs are stained than usual.
    """

    name: str
    seed: int
    side: int
    west: float
    north: float
    sun: Sun
    pitched: tuple[tuple[str, float], ...]
    flat: tuple[tuple[str, float], ...]
    uses: tuple[tuple[str, float], ...]
    parcel_width: float
    greenness: float
    trees: float
    haze: float
    tilt: float
    collar: int
    ground_tints: tuple[tuple[str, RGB], ...] = ()
    roof_tints: tuple[tuple[str, RGB], ...] = ()
    wear: float = 1.0

    @property
    def extent(self) -> float:
        """Length of the scene's side in metres."""
        return self.side * PIXEL


TRAIN = TownStyle(
    name="town_train",
    seed=21,
    side=2048,
    west=561_240.0,
    north=5_934_780.0,
    sun=Sun(azimuth=152.0, elevation=47.0),
    pitched=(
        ("red tile", 0.25),
        ("brown tile", 0.15),
        ("grey tile", 0.18),
        ("anthracite tile", 0.12),
        ("shingle", 0.15),
        ("light metal", 0.09),
        ("blue metal", 0.06),
    ),
    flat=(("gravel", 0.3), ("membrane", 0.25), ("bitumen", 0.25), ("light metal", 0.12), ("blue metal", 0.08)),
    uses=(
        ("detached", 0.46),
        ("rows", 0.17),
        ("courtyard", 0.13),
        ("estate", 0.08),
        ("works", 0.12),
        ("park", 0.025),
        ("field", 0.015),
    ),
    parcel_width=17.0,
    greenness=0.6,
    trees=0.012,
    haze=0.03,
    tilt=1.25,
    collar=0,
)

TEST = TownStyle(
    name="town_test",
    seed=22,
    side=1536,
    west=573_900.0,
    north=5_921_430.0,
    sun=Sun(azimuth=214.0, elevation=42.0),
    pitched=(
        ("anthracite tile", 0.28),
        ("brown tile", 0.26),
        ("shingle", 0.2),
        ("red tile", 0.12),
        ("grey tile", 0.08),
        ("light metal", 0.06),
    ),
    flat=(("membrane", 0.45), ("gravel", 0.2), ("bitumen", 0.2), ("light metal", 0.15)),
    uses=(
        ("detached", 0.45),
        ("rows", 0.22),
        ("courtyard", 0.11),
        ("estate", 0.08),
        ("works", 0.1),
        ("park", 0.025),
        ("field", 0.015),
    ),
    parcel_width=19.0,
    greenness=0.45,
    trees=0.016,
    haze=0.04,
    tilt=-1.5,
    collar=255,
)


def small_town(side: int, seed: int, like: TownStyle = TRAIN) -> TownStyle:
    """A town of the same kind that draws in a second or two, for tests."""
    return replace(like, name=f"town_{side}_{seed}", side=side, seed=seed)


def tinted(colour: RGB, tint: RGB) -> RGB:
    """A colour (0..255) under a tint, as bright as 250 at most."""
    red, green, blue = (min(250.0, one * other) for one, other in zip(colour, tint, strict=True))
    return red, green, blue
