"""Numbers in a film's pictures: by them any server can name a frame, with time stamps or without.

A row of black and white cells at the top-left corner, the lowest bit first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BITS = 10
CELL_PX = 16
WIDTH_PX = 1280
"""Of the picture that CELL_PX are pixels of."""
_BLACK, _WHITE = 16, 235


def draw_number(picture: NDArray[np.uint8], number: int) -> None:
    """Write the number into a picture of WIDTH_PX columns (H×W or H×W×3), in place."""
    for bit in range(BITS):
        cell = slice(bit * CELL_PX, (bit + 1) * CELL_PX)
        picture[:CELL_PX, cell] = _WHITE if number >> bit & 1 else _BLACK


def read_number(luma: NDArray[np.uint8]) -> int:
    """The number in a picture (H×W) of any size that a numbered one was brought to."""
    cell_px = CELL_PX * luma.shape[1] / WIDTH_PX
    middles = ((np.arange(BITS) + 0.5) * cell_px).astype(int)
    white = luma[int(cell_px / 2), middles] > (_BLACK + _WHITE) // 2
    return int(white @ (1 << np.arange(BITS)))


def luma_of(frame: Any) -> NDArray[np.uint8]:
    """The luma plane (H×W) of an ``av.VideoFrame`` in planar YUV, without a copy."""
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width]
