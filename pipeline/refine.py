"""Corners to sub-pixel accuracy: straight lines fitted to the document's edges in the full picture.

The network sees a thumbnail; its corners tremble by a few pixels of the frame. Across each side of
the found quad brightness profiles are searched for the strongest step, a line is fitted to those
steps, and neighbouring lines meet in the new corners. A side without a clear edge keeps its place,
so that a finger, glare or paper on paper does no harm.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import ImageU8, QuadPx

Floats = NDArray[np.float64]
Line = tuple[Floats, Floats]
"""A point on the line and its direction."""

_STATIONS = 32
"""Profiles across one side."""
_PLACES = np.linspace(0.06, 0.94, _STATIONS)
"""Where along a side they lie; the ends are left out, corners are often round."""
_STEPS = 31
"""Samples of one profile."""
_REACH = 0.045
"""Farthest shift searched, as a share of the mean side: some times the net's error."""
_LEAST_STEP = 3.0
"""Weakest change of brightness from sample to sample, in luma levels, that counts as an edge."""
_LEAST_SHARE = 0.65
"""Share of the profiles that must agree on one line."""
_TOLERANCE = 0.12
"""How near the line a step must lie to agree, as a share of the reach."""
_PAIRS = np.triu_indices(_STATIONS, k=_STATIONS // 3)
"""Pairs of profiles far enough apart to span a line."""


def refine(luma: ImageU8, quad: QuadPx) -> QuadPx:
    """The quad (4×2 float32 pixels of `luma`, H×W uint8) moved onto the edges near its sides.

    About 1 ms, whatever the picture's size.
    """
    corners = quad.astype(np.float64)
    following = np.roll(corners, -1, axis=0)
    lengths = np.linalg.norm(following - corners, axis=1)
    reach = _REACH * float(lengths.mean())
    if reach < 1.5 or lengths.min() < 8:
        return quad
    along = (following - corners) / lengths[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    shifts = np.linspace(-reach, reach, _STEPS)
    places, strengths = _steps(luma, corners, following, across, shifts)
    lines: list[Line] = []
    for k in range(4):
        tilt = _agreed_line(places[k], strengths[k] > _LEAST_STEP, reach * _TOLERANCE)
        first = corners[k] + across[k] * tilt[0]
        last = following[k] + across[k] * (tilt[0] + tilt[1])
        lines.append((first, last - first))
    refined = np.stack([_meeting(lines[k - 1], lines[k]) for k in range(4)])
    moved = np.linalg.norm(refined - corners, axis=1)
    # Written so that "not a number" also keeps the quad as it was.
    return refined.astype(np.float32) if moved.max() < 2 * reach else quad


def _steps(
    luma: ImageU8, starts: Floats, ends: Floats, across: Floats, shifts: Floats
) -> tuple[Floats, Floats]:
    """Per side and profile (4×_STATIONS): place of the strongest step in pixels, its strength."""
    middles = starts[:, None] + (ends - starts)[:, None] * _PLACES[:, None]
    points = middles[:, :, None] + across[:, None, None] * shifts[:, None]
    # Coordinates are continuous, a pixel's middle lies at .5; remap means its index.
    at = (points - 0.5).astype(np.float32).reshape(4 * _STATIONS, _STEPS, 2)
    profiles = np.asarray(
        cv2.remap(luma, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        np.float32,
    )
    # Averaging along the side calms noise and print; the edge itself is straight.
    calm = np.asarray(cv2.GaussianBlur(profiles, (5, 3), 0), np.float64)
    nearness = np.exp(-0.5 * (shifts / (0.8 * shifts[-1])) ** 2)
    slopes = np.abs(np.gradient(calm, axis=1)) * nearness
    best = np.clip(slopes.argmax(axis=1), 1, _STEPS - 2)
    rows = np.arange(len(best))
    left, top, right = (slopes[rows, best + k] for k in (-1, 0, 1))
    bend = left - 2 * top + right
    sub = np.where(bend < -1e-9, 0.5 * (left - right) / np.minimum(bend, -1e-9), 0.0)
    place = shifts[best] + np.clip(sub, -0.5, 0.5) * float(shifts[1] - shifts[0])
    return place.reshape(4, _STATIONS), top.reshape(4, _STATIONS)


def _agreed_line(shift: Floats, clear: NDArray[np.bool_], tolerance: float) -> tuple[float, float]:
    """Shift at the side's start and its change until the end; (0, 0) where no line is agreed."""
    least = _LEAST_SHARE * _STATIONS
    a, b = (side[clear[_PAIRS[0]] & clear[_PAIRS[1]]] for side in _PAIRS)
    if np.count_nonzero(clear) < least or not len(a):
        return 0.0, 0.0
    slopes = (shift[b] - shift[a]) / (_PLACES[b] - _PLACES[a])
    bases = shift[a] - slopes * _PLACES[a]
    off = np.abs(bases[:, None] + slopes[:, None] * _PLACES - shift)
    agree = (off < max(tolerance, 0.75)) & clear
    chosen = agree[int(agree.sum(axis=1).argmax())]
    if np.count_nonzero(chosen) < least:
        return 0.0, 0.0
    slope, base = np.polyfit(_PLACES[chosen], shift[chosen], 1)
    return float(base), float(slope)


def _meeting(first: Line, second: Line) -> Floats:
    """Where two lines meet; not a number where they are parallel."""
    (p, u), (q, v) = first, second
    cross = float(u[0] * v[1] - u[1] * v[0])
    if abs(cross) < 1e-6:
        return np.full(2, np.nan)
    return p + u * (float((q[0] - p[0]) * v[1] - (q[1] - p[1]) * v[0]) / cross)
