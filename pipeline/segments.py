"""How many parts stand before a JPEG's or PNG's pixels: told before a decoder walks through them.

Decoders keep each of them. A file of a few megabytes can hold a million empty ones, which take
seconds and hundreds of megabytes to walk through, and no camera or encoder writes a hundredth.
"""

from __future__ import annotations

MOST_SEGMENTS = 2000
"""A JPEG of 20 MB that is nothing but metadata has 300, of 64 KiB each."""
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_START_OF_SCAN = 0xDA
_FILL = 0xFF
_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xDA)})
"""Markers without a length: TEM, RSTn, SOI, EOI (ITU-T T.81, table B.1), and a stuffed byte."""


def has_too_many_segments(data: bytes) -> bool:
    """Whether a JPEG (ITU-T T.81, B.1.1) or PNG (ISO/IEC 15948, 5.3) file has more of them than
    `MOST_SEGMENTS` before its pixels. False for other files, and for what is damaged before."""
    if data.startswith(_JPEG):
        return _jpeg(data)
    return data.startswith(_PNG) and _png(data)


def _jpeg(data: bytes) -> bool:
    at = 2
    for _ in range(MOST_SEGMENTS):
        if data[at : at + 1] != b"\xff" or at + 1 >= len(data) or data[at + 1] == _START_OF_SCAN:
            return False
        kind = data[at + 1]
        if kind == _FILL:
            at += 1
        elif kind in _ALONE:
            at += 2
        else:
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return True


def _png(data: bytes) -> bool:
    at = len(_PNG)
    for _ in range(MOST_SEGMENTS):
        if at + 8 > len(data) or data[at + 4 : at + 8] == b"IDAT":
            return False
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return True
