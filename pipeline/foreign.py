"""PDF and HEIC files as pages: decoded in a process of their own, which may write nothing.

Both formats need large decoders with a history of faults. The child gets the file on its standard
input and a bound on memory, processor time and files; the parent kills it at the deadline. A
decoder that breaks or hangs takes nobody else with it. PDF by PDFium (pypdfium2, Apache/BSD), HEIC
by libheif without any encoder (pi-heif, BSD/LGPL).
"""

from __future__ import annotations

import contextlib
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from core.errors import InvalidImage
from pipeline.types import ImageU8

_CHILD = Path(__file__).with_name("foreign_child.py")
_HEADER = struct.Struct("<II")
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis"))
_ANY_BRANDS, _AV1_BRANDS = frozenset((b"mif1", b"msf1")), frozenset((b"avif", b"avis"))
"""HEIF of any coding (ISO/IEC 23008-12, 10.2), and of AV1, which nothing here decodes."""
_WRONG = {
    3: "the {kind} file has too many pixels: send a smaller one",
    4: "the PDF file asks for a password: send it without one",
    5: "the {kind} file is damaged, cut off or empty: save it anew and send it",
}
"""By the child's exit status."""
_TOO_MUCH = "the {kind} file takes too long or too much memory to decode: send a picture of it"
_PDF_WITHIN = 1024
"""A PDF's header may come a little late (ISO 32000-1, implementation note 13)."""


def foreign_kind(data: bytes) -> str | None:
    """Which of ``pdf`` and ``heic`` it is, by the first bytes; None for neither."""
    if b"%PDF-" in data[:_PDF_WITHIN]:
        return "pdf"
    if data[4:8] == b"ftyp":
        length = min(int.from_bytes(data[:4], "big"), 64)
        brands = {data[8:12], *(data[at : at + 4] for at in range(16, length, 4))}
        heif = brands & _HEIC_BRANDS or (brands & _ANY_BRANDS and not brands & _AV1_BRANDS)
        return "heic" if heif else None
    return None


def foreign_pages(
    data: bytes, kind: str, *, max_pages: int, max_pixels: int, timeout_s: float
) -> Iterator[ImageU8]:
    """The pages of a PDF or HEIC file, H×W×3 uint8 BGR, one by one.

    PDF pages come about as large as a camera's picture. Raises InvalidImage for damage, a password,
    more than ``max_pixels``, and when ``timeout_s`` is over before the last page. Close the
    iterator to end the child early.
    """
    limits = [str(max_pages), str(max_pixels), str(max(1, round(timeout_s)))]
    child = subprocess.Popen(
        [sys.executable, "-I", "-B", str(_CHILD), kind, *limits],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
    )
    alarm = threading.Timer(timeout_s, child.kill)
    alarm.start()
    try:
        assert child.stdin is not None and child.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(data)
            child.stdin.close()
        count = 0
        while (page := _next_page(child.stdout, kind, max_pixels)) is not None:
            count += 1
            yield page
        status = child.wait()
        if status or not count:
            wrong = _WRONG.get(status or 5, _TOO_MUCH)
            raise InvalidImage(wrong.format(kind=kind.upper()))
    finally:
        alarm.cancel()
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()
        alarm.join()


def _next_page(pipe: IO[bytes], kind: str, max_pixels: int) -> ImageU8 | None:
    """One page off the pipe: its size, then its pixels; None at the end."""
    head = pipe.read(_HEADER.size)
    if len(head) < _HEADER.size:
        return None
    width, height = _HEADER.unpack(head)
    if not 0 < width * height <= max_pixels:
        raise InvalidImage("a page of the file is too large: send a smaller one")
    wanted = width * height * 3
    pixels = pipe.read(wanted)
    if len(pixels) < wanted:
        raise InvalidImage(_TOO_MUCH.format(kind=kind.upper()))
    return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
