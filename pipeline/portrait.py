"""The holder's portrait, cut out of a data page by where Doc 9303 puts it: no face is looked for.

Zone V begins at the page's left edge, the portrait at least 2.0 mm from it, at most 35 mm wide and
45 mm high with 2 mm of tolerance (Part 4, sections 3.2.2, 3.3 and figure 7); it may move up and
down between the page's upper edge and the zone. TD2 has it at the left edge as well (Part 6,
section 3.2.1). The whole of that strip is given, so that no portrait is cut. Of TD1 it is on the
front, the side without a zone, again at the left edge and below Zone I (Part 5, section 3.1.1):
there print alone tells which way up the card is. Visas may have none, and give none.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pipeline.types import ImageU8, MrtdFormat
from pipeline.visual.place import PX_PER_MM, both_ways, upright
from pipeline.visual.words import Print

_BOXES_MM = {
    MrtdFormat.TD3: (2.0, 14.0, 43.0, 64.8),
    MrtdFormat.TD2: (2.0, 11.0, 38.0, 50.8),
}
"""Left, top, right and lower edge of the strip, in millimetres from the page's top-left."""
_CARD_FRONT_MM = (2.0, 9.0, 36.0, 52.0)
"""The same of a TD1 card's front, 85.6 by 54 mm: Zone I takes 11.0 mm at most, give or take two,
and a portrait of 35 to 45 that fills the rest in height is 34 mm wide with its tolerance."""
_JPEG_QUALITY = 90


def portrait_of(pages: Sequence[ImageU8], mrtd_format: MrtdFormat) -> ImageU8 | None:
    """The strip with the portrait, upright: H×W×3 uint8 BGR, 10 pixels a millimetre.

    ``pages``: views of one document at any of the four turns, H×W×3 uint8 BGR. None for a format
    without a portrait beside its zone, and where no page shows the zone that tells the place.
    """
    box = _BOXES_MM.get(mrtd_format)
    if box is None:
        return None
    for page in pages:
        flat = upright(page, mrtd_format)
        if flat is not None:
            return _cut(flat, box)
    return None


def front_portrait_of(page: ImageU8, seen: Print) -> ImageU8 | None:
    """The same of a TD1 card's front, a rectified page; ``seen``: its print, as `print_of` has it.

    None where the picture has another shape, and where too little print is legible to tell which
    way up it is.
    """
    ways = both_ways(page, MrtdFormat.TD1)
    return _cut(ways[seen.turned], _CARD_FRONT_MM) if ways and seen.is_placed else None


def _cut(flat: ImageU8, box_mm: tuple[float, float, float, float]) -> ImageU8:
    left, top, right, foot = (round(edge * PX_PER_MM) for edge in box_mm)
    return np.ascontiguousarray(flat[top:foot, left:right])


def jpeg_of(picture: ImageU8) -> bytes:
    """A picture of H×W×3 uint8 BGR as a JPEG file, which holds pixels and nothing else."""
    _, data = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
    return data.tobytes()
