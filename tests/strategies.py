"""Grids for property tests."""

from hypothesis import strategies as st

from geounet.grid import WindowGrid


@st.composite
def grids(draw: st.DrawFn, longest: int = 90) -> WindowGrid:
    """Any grid over a small scene."""
    alignment = draw(st.sampled_from((1, 2, 4, 8)))
    halo = alignment * draw(st.integers(0, 3))
    return WindowGrid(
        height=draw(st.integers(1, longest)),
        width=draw(st.integers(1, longest)),
        largest=2 * halo + draw(st.integers(alignment, 50)),
        halo=halo,
        alignment=alignment,
        phase_row=draw(st.integers(0, alignment - 1)),
        phase_col=draw(st.integers(0, alignment - 1)),
    )
