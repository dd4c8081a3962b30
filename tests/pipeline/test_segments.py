"""Parts before a picture's pixels: as many as encoders write, and not a million."""

from __future__ import annotations

import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from core.errors import InvalidImage
from pipeline.picture import FRAME_FORMATS, check_header, decode_frame
from pipeline.segments import MOST_SEGMENTS, has_too_many_segments
from pipeline.upload import upload_pages


def encoded(kind: str, **how: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(stream, kind, **how)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


JPEG, PNG = encoded("JPEG"), encoded("PNG")
HOSTILE = {
    "empty segments": JPEG[:2] + b"\xff\xe0\x00\x02" * 400_000 + JPEG[2:],
    "segments of length 0": JPEG[:2] + b"\xff\xe1\x00\x00" * 400_000 + JPEG[2:],
    "beginnings": b"\xff\xd8\xff" * 600_000,
    "fill bytes": JPEG[:2] + b"\xff" * 1_800_000 + JPEG[2:],
    "restarts": JPEG[:2] + b"\xff\xd0" * 900_000 + JPEG[2:],
    "chunks": PNG[:33] + chunk(b"prVt") * 150_000 + PNG[33:],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_parts_without_end_are_refused_at_once(kind: str) -> None:
    data = HOSTILE[kind]
    assert len(data) < 2_000_000, "a stream takes frames of this size"
    began_s = time.process_time()
    for _ in range(20):
        with pytest.raises(InvalidImage, match="more parts before its pixels"):
            check_header(data, FRAME_FORMATS, 10_000_000)
    with pytest.raises(InvalidImage, match="more parts before its pixels"):
        decode_frame(data, 0, 0.0, 0.0, 10_000_000)
    with pytest.raises(InvalidImage, match="more parts before its pixels"):
        list(upload_pages(data, max_pages=2, timeout_s=20))
    # Walked through by the decoder, one takes half a second.
    assert time.process_time() - began_s < 1


def test_pictures_with_much_metadata_are_taken() -> None:
    exif = Image.Exif()
    exif[0x010E] = "x" * 60_000
    profile = bytes(1_000_000)
    for data in (
        encoded("JPEG", exif=exif, icc_profile=profile, comment="y" * 60_000, progressive=True),
        encoded("PNG", icc_profile=profile),
        JPEG[:2] + b"\xff" * 100 + b"\xff\xe5\x00\x02" * (MOST_SEGMENTS - 200) + JPEG[2:],
        PNG[:33] + chunk(b"prVt", b"z" * 10) * (MOST_SEGMENTS - 10) + PNG[33:],
    ):
        assert not has_too_many_segments(data)
        assert check_header(data, FRAME_FORMATS, 10_000) == (60, 40)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0", PNG[:9], b"RIFF", JPEG[:5]]
)
def test_what_is_cut_off_is_left_to_the_decoder(data: bytes) -> None:
    assert not has_too_many_segments(data)
