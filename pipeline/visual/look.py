"""A capture's print: the page laid upright, its zone left out, and read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from pipeline.types import Capture, Document, ImageU8, MrtdFormat
from pipeline.visual.place import PX_PER_MM, both_ways, upright
from pipeline.visual.words import Print

_ZONE_MM = 22.0
"""Left out at the foot: the zone takes 23.2 mm there, give or take one (Parts 4 to 7)."""
_HEADING = 0.205
"""Share of the page's height that Zone I takes at most: 17.9 mm of 88 (Part 4, section 3.3), 11.0
of 54 (Part 5, section 3.3)."""


class PageReader(Protocol):
    """Reads the print of upright pages; thread-safe."""

    def read(self, page: ImageU8, deadline_ms: float) -> Print: ...


def print_of(
    capture: Capture,
    document: Document,
    reader: PageReader,
    deadline_ms: float,
    clock: Callable[[], float] = time.monotonic,
) -> Print | None:
    """The print of the capture that ``document`` was read of; None where its page has no place.

    A side without a zone is taken for the front of a card (Part 5). Blocks for up to
    ``deadline_ms``, and what finding the zone takes (60 ms at 1500 pixels, measured by
    ``python -m benchmarks.visual_zone``).
    """
    end = clock() + deadline_ms / 1000

    def left_ms() -> float:
        return max(1.0, (end - clock()) * 1000)

    if document.mrz is not None:
        for view in capture.pages:
            page = upright(view, document.mrz.format)
            if page is not None:
                return _headed(reader.read(_above_zone(page), left_ms()), page)
        return None
    pages = both_ways(capture.page, MrtdFormat.TD1)
    seen = [_headed(reader.read(page, left_ms()), page) for page in pages]
    ways = [replace(way, turned=turned) for turned, way in zip((False, True), seen, strict=False)]
    return max(ways, key=lambda way: way.legible, default=None)


def _headed(seen: Print, page: ImageU8) -> Print:
    return replace(seen, heading_px=_HEADING * page.shape[0])


def _above_zone(page: ImageU8) -> ImageU8:
    return page[: page.shape[0] - round(_ZONE_MM * PX_PER_MM)]
