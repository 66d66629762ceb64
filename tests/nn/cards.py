"""Model cards for networks of tests."""

from geounet.card import Architecture, ModelCard
from geounet.legend import Legend
from geounet.nn.unet import alignment, halo


def card_of(architecture: Architecture, *names: str, contact_width: float | None = None) -> ModelCard:
    """A card for 8-bit imagery of any bands; by default of buildings."""
    return ModelCard(
        architecture=architecture,
        colours=("red", "green", "blue") if architecture.bands == 3 else ("undefined",) * architecture.bands,
        dtype="uint8",
        mean=tuple(100.0 + band for band in range(architecture.bands)),
        std=tuple(40.0 + band for band in range(architecture.bands)),
        ground_resolution=0.3,
        halo=halo(architecture),
        alignment=alignment(architecture),
        legend=Legend.of_names(*(names or ("building",))),
        contact_width=contact_width,
    )
