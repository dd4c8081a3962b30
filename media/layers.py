"""Leaving out temporal layers of a stream before they are decoded.

A sender that codes in layers (L1T3 of W3C WebRTC-SVC: 24, 12 and 6 frames a second in one stream)
says in each packet which layer a frame belongs to, TID, and by Y whether it builds on the lowest
layer alone (RFC 7741, section 4.2). No frame builds on a layer above its own, so the upper ones
may be left out at any frame; they come back with a frame that needs nothing of what is missing.
H264 says of a frame only whether any other builds on it: those that none does are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from media.bitstreams import is_disposable, vp8_descriptor

ALL_LAYERS = 4
"""TID has two bits."""
_IN_VAIN = 12
"""So many frames that are wanted again lack what they build on before a key frame is asked for:
browsers' upper layers come back within four, but Y is a sender's to leave out."""


@dataclass(frozen=True, slots=True)
class Layer:
    """TID, and Y: whether the frame builds on layer 0 alone."""

    tid: int
    sync: bool


def layer_of(payload: bytes) -> Layer | None:
    """The layer in a VP8 payload descriptor (RFC 7741, section 4.2); None where it has none."""
    try:
        place, _ = vp8_descriptor(payload)
    except ValueError:
        return None
    return None if place is None else Layer(payload[place] >> 6, bool(payload[place] & 0x20))


class LayerGate:
    """Lets frames of the wanted layers pass, one stream's in their order.

    ``wanted`` gives the number of layers wanted now; ``left_out`` is called for each frame that
    does not pass.
    """

    def __init__(self, wanted: Callable[[], int], left_out: Callable[[], None]) -> None:
        self._wanted = wanted
        self._left_out = left_out
        self._missing_from = ALL_LAYERS
        """The lowest layer of which frames are missing."""
        self._in_vain = 0
        self.most: Callable[[], int] = lambda: ALL_LAYERS
        """For how many layers the decoder has time."""

    def passes_h264(self, data: bytes) -> bool:
        """Whether to decode this H264 frame; nothing needs one that is left out."""
        if min(self._wanted(), self.most()) >= ALL_LAYERS or not is_disposable(data):
            return True
        self._left_out()
        return False

    def passes(self, payload: bytes, key: bool) -> bool:
        """Whether to decode the VP8 frame that begins with this RTP payload; ``key``: one."""
        wanted = min(self._wanted(), self.most())
        if key:
            self._missing_from, self._in_vain = ALL_LAYERS, 0
        if wanted >= ALL_LAYERS and self._missing_from >= ALL_LAYERS:
            return True
        layer = layer_of(payload)
        if key or layer is None or layer.tid == 0:
            return True
        if layer.tid < wanted and (layer.sync or layer.tid < self._missing_from):
            # A layer that is whole again says nothing of those above it, nor of one below.
            if layer.tid == self._missing_from:
                self._missing_from += 1
                self._in_vain = 0
            return True
        if layer.tid < wanted:
            self._in_vain += 1
        self._missing_from = min(self._missing_from, layer.tid)
        self._left_out()
        return False

    def needs_key(self) -> bool:
        """Whether only a key frame brings back a layer that is wanted; once for each to ask for."""
        needed = self._in_vain >= _IN_VAIN
        if needed:
            self._in_vain = 0
        return needed
