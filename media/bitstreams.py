"""What an encoded frame says of itself: whether it begins anew, whether others build on it."""

from __future__ import annotations

START_CODE = b"\x00\x00\x00\x01"
"""What aiortc puts before each H264 unit; no VP8 frame can begin so."""
_SLICE, _IDR, _SPS = 1, 5, 7
_NAL_TYPE, _NAL_REF_IDC = 0x1F, 0x60


def is_h264(data: bytes) -> bool:
    """Whether aiortc's depacketiser made ``data`` of H264; VP8 otherwise."""
    return data.startswith(START_CODE)


def vp8_descriptor(payload: bytes) -> tuple[int | None, int]:
    """Where TID and Y stand in a VP8 RTP payload, None without them, and where its frame begins.

    RFC 7741, section 4.2. Raises ValueError for a descriptor that is cut off.
    """
    layer_at, begin = None, 1
    try:
        if payload[0] & 0x80:
            extensions, begin = payload[1], 2
            if extensions & 0x80:
                begin += 2 if payload[begin] & 0x80 else 1
            if extensions & 0x40:
                begin += 1
            # One octet for TID, Y and KEYIDX.
            if extensions & 0x30:
                layer_at = begin if extensions & 0x20 else None
                begin += 1
    except IndexError:
        begin = len(payload) + 1
    if begin > len(payload):
        raise ValueError("the VP8 payload descriptor is cut off")
    return layer_at, begin


def vp8_in(payload: bytes) -> bytes:
    """The part of a VP8 frame in an RTP payload. Raises ValueError as ``vp8_descriptor``; aiortc's
    own makes an object of the descriptor first."""
    return payload[vp8_descriptor(payload)[1] :]


def begins_vp8(payload: bytes) -> bool:
    """Whether a VP8 frame begins with this RTP payload: S, and partition 0 (RFC 7741, 4.2)."""
    return payload[:1] != b"" and payload[0] & 0x17 == 0x10


def has_parameters(data: bytes) -> bool:
    """Whether a sequence parameter set is in H264 that the depacketiser made (RFC 6184, 1.3):
    nothing can be decoded before one."""
    return any(header & _NAL_TYPE == _SPS for header in _headers(data))


def _headers(data: bytes) -> list[int]:
    """The first byte of each H264 unit (RFC 6184, 1.3)."""
    return [unit[0] for unit in data.split(START_CODE) if unit]


def is_key_frame(data: bytes) -> bool:
    """VP8 (RFC 6386, 9.1) by its first bit; H264 (RFC 6184, 1.3) by an IDR slice or SPS."""
    if not is_h264(data):
        return not data[0] & 1
    return any(header & _NAL_TYPE in (_IDR, _SPS) for header in _headers(data))


def is_disposable(data: bytes) -> bool:
    """Whether no other frame builds on this H264 one: its units all say nal_ref_idc 0.

    So the uppermost temporal layer of H264 is coded, and B frames. ITU-T H.264, 7.4.1; RFC 6184,
    5.3, where the sender's wish to have such units dropped first is made of the same bits.
    """
    headers = _headers(data)
    return not any(header & _NAL_REF_IDC for header in headers) and any(
        header & _NAL_TYPE == _SLICE for header in headers
    )
