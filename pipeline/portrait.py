"""The holder's portrait, cut out of a data page by where Doc 9303 puts it: no face is looked for.

Zone V begins at the page's left edge, the portrait at least 2.0 mm from it, at most 35 mm wide and
45 mm high with 2 mm of tolerance (Part 4, sections 3.2.2, 3.3 and figure 7); it may move up and
down between the page's upper edge and the zone. TD2 has it at the left edge as well (Part 6,
section 3.2.1). The whole of that strip is given, so that no portrait is cut. Of TD1 the portrait
is on the side without a zone (Part 5, section 3.1.1), and visas may have none: neither is given.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pipeline.types import ImageU8, MrtdFormat
from pipeline.visual.place import PX_PER_MM, upright

_BOXES_MM = {
    MrtdFormat.TD3: (2.0, 14.0, 43.0, 64.8),
    MrtdFormat.TD2: (2.0, 11.0, 38.0, 50.8),
}
"""Left, top, right and lower edge of the strip, in millimetres from the page's top-left."""
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
            left, top, right, foot = (round(edge * PX_PER_MM) for edge in box)
            return np.ascontiguousarray(flat[top:foot, left:right])
    return None


def portrait_jpeg(pages: Sequence[ImageU8], mrtd_format: MrtdFormat) -> bytes | None:
    """The same as a JPEG file."""
    found = portrait_of(pages, mrtd_format)
    if found is None:
        return None
    _, data = cv2.imencode(".jpg", found, (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
    return data.tobytes()
