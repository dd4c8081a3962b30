"""The child of ``foreign.py``: a file on standard input, pages on standard output.

Each page is two little-endian 32-bit numbers, width and height, then BGR bytes. It runs as a
script of its own, imports nothing of the project, and may open no file for writing.

    python -I foreign_child.py pdf|heic MAX_PAGES MAX_PIXELS SECONDS
"""

from __future__ import annotations

import io
import math
import resource
import struct
import sys

_LONG_SIDE_PX = 2400
"""An A4 page then has 205 dots per inch, and a zone's capitals 20 pixels."""
_MOST_ZOOM = 6.0
_MEMORY = 2 * 1024**3
TOO_LARGE, LOCKED, DAMAGED = 3, 4, 5
"""Exit statuses that ``foreign.py`` has words for."""


def _bind(seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if resource.getrlimit(resource.RLIMIT_CORE)[1]:
        # At 0 the kernel would still pipe the memory to a program (media/memory.py).
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))


def _send(width: int, height: int, pixels: bytes) -> None:
    sys.stdout.buffer.write(struct.pack("<II", width, height))
    sys.stdout.buffer.write(pixels)
    sys.stdout.buffer.flush()


def _pdf(data: bytes, max_pages: int, max_pixels: int) -> None:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        locked = error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD
        sys.exit(LOCKED if locked else DAMAGED)
    for number in range(min(len(document), max_pages)):
        try:
            page = document[number]
            width, height = page.get_size()
            long_side = max(width, height, 1.0)
            zoom = min(_LONG_SIDE_PX / long_side, _MOST_ZOOM)
            zoom = min(zoom, math.sqrt(max_pixels / max(width * height, 1.0)) * 0.99)
            shown = page.render(
                scale=zoom, rev_byteorder=False, prefer_bgrx=False, no_smoothtext=False
            )
        except pypdfium2.PdfiumError:
            sys.exit(DAMAGED)
        array = shown.to_numpy()[:, :, :3]
        _send(shown.width, shown.height, array.tobytes())
        shown.close()
        page.close()


def _heic(data: bytes, max_pages: int, max_pixels: int) -> None:
    import pi_heif
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = max_pixels
    pi_heif.register_heif_opener(thumbnails=False)
    try:
        image = Image.open(io.BytesIO(data), formats=("HEIF",))
        if image.width * image.height > max_pixels:
            sys.exit(TOO_LARGE)
        image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        sys.exit(TOO_LARGE)
    except (OSError, ValueError, SyntaxError, RuntimeError, EOFError):
        sys.exit(DAMAGED)
    with image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
        red, green, blue = upright.split()
        turned = Image.merge("RGB", (blue, green, red))
        _send(turned.width, turned.height, turned.tobytes())


def main() -> None:
    kind, pages, pixels, seconds = sys.argv[1], *map(int, sys.argv[2:5])
    _bind(seconds)
    data = sys.stdin.buffer.read()
    {"pdf": _pdf, "heic": _heic}[kind](data, pages, pixels)


if __name__ == "__main__":
    main()
