"""A HEIC file of one picture, written box by box: no library at hand writes them.

ISO/IEC 23008-12 (HEIF) over ISO/IEC 14496-12: the coded picture is x265's.
"""

from __future__ import annotations

import struct
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext

from pipeline.types import ImageU8


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, version: int, *content: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24), *content)


def heic(bgr: ImageU8) -> bytes:
    """H×W×3 uint8 BGR, even sides, as a HEIC file."""
    height, width = bgr.shape[:2]
    configuration, picture = _coded(bgr)
    ispe = full(b"ispe", 0, struct.pack(">II", width, height))
    properties = box(b"ipco", box(b"hvcC", configuration), ispe)
    owned = full(b"ipma", 0, struct.pack(">IHBBB", 1, 1, 2, 0x81, 0x02))
    handler = full(b"hdlr", 0, struct.pack(">I4s12x", 0, b"pict"), b"\0")
    item = full(b"infe", 2, struct.pack(">HH4s", 1, 0, b"hvc1"), b"\0")
    first = [
        handler,
        full(b"pitm", 0, struct.pack(">H", 1)),
        full(b"iinf", 0, struct.pack(">H", 1), item),
        box(b"iprp", properties, owned),
    ]
    brands = box(b"ftyp", b"heic", struct.pack(">I", 0), b"mif1", b"heic")

    def meta(offset: int) -> bytes:
        place = struct.pack(">HHHHHII", 0x4400, 1, 1, 0, 1, offset, len(picture))
        return full(b"meta", 0, *first, full(b"iloc", 0, place))

    offset = len(brands) + len(meta(0)) + 8
    return brands + meta(offset) + box(b"mdat", picture)


def _coded(bgr: ImageU8) -> tuple[bytes, bytes]:
    """The decoder's configuration (ISO/IEC 14496-15, 8.3.3.1) and one coded picture."""
    codec = av.CodecContext.create("libx265", "w")
    assert isinstance(codec, VideoCodecContext)
    codec.height, codec.width = bgr.shape[:2]
    codec.pix_fmt, codec.time_base = "yuv420p", Fraction(1, 25)
    codec.options = {"x265-params": "log-level=none:pools=none:frame-threads=1:info=0", "crf": "8"}
    picture = av.VideoFrame.from_ndarray(bgr, format="bgr24")
    picture.pts = 0
    packets = [*codec.encode(picture), *codec.encode(None)]
    stream = b"".join(bytes(packet) for packet in packets).replace(b"\0\0\0\1", b"\0\0\1")
    units = [unit for unit in stream.split(b"\0\0\1") if unit]
    sets = {kind: [u for u in units if u[0] >> 1 & 63 == kind] for kind in (32, 33, 34)}
    profile = sets[33][0].replace(b"\0\0\3", b"\0\0")[3:15]
    head = b"\1" + profile + b"\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f" + bytes([len(sets)])
    arrays = b"".join(
        bytes([0x80 | kind]) + struct.pack(">H", len(group))
        + b"".join(struct.pack(">H", len(unit)) + unit for unit in group)
        for kind, group in sets.items()
    )  # fmt: skip
    shown = [unit for unit in units if unit[0] >> 1 & 63 < 32]
    return head + arrays, b"".join(struct.pack(">I", len(unit)) + unit for unit in shown)
