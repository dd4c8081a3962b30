"""An uploaded file of any kind we know -> its pages, one by one."""

from __future__ import annotations

from collections.abc import Generator

from core.errors import InvalidImage
from pipeline.foreign import foreign_kind, foreign_pages
from pipeline.still import MAX_PIXELS, decode_pages
from pipeline.types import ImageU8

UPLOAD_FORMATS = ("JPEG", "PNG", "WebP", "BMP", "TIFF", "HEIC", "PDF")


def upload_pages(
    data: bytes, *, max_pages: int, timeout_s: float
) -> Generator[ImageU8, None, None]:
    """The pages of a file in one of `UPLOAD_FORMATS`, H×W×3 uint8 BGR, upright.

    Each is decoded when it is asked for, on whatever thread asks; at most ``max_pages``. Raises
    InvalidImage. Close the iterator when it is not read to its end.
    """
    kind = foreign_kind(data)
    if kind is not None:
        yield from foreign_pages(
            data, kind, max_pages=max_pages, max_pixels=MAX_PIXELS, timeout_s=timeout_s
        )
        return
    try:
        for number, page in enumerate(decode_pages(data), 1):
            yield page
            if number == max_pages:
                return
    except InvalidImage as error:
        if "cannot be decoded" not in error.message:
            raise
        raise InvalidImage(
            f"the file cannot be decoded: send one of {', '.join(UPLOAD_FORMATS)}"
        ) from None
