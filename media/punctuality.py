"""How old a frame is, by its sender's clock.

An RTP timestamp (RFC 3550, section 5.1) says when a frame was taken, from an unknown start. The
promptest frames of the last seconds tell that start as well as it can be told; whatever others are
later was waited somewhere: on the way, in the kernel's buffer, for the event loop, for the decoder.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_CLOCK_RATE_HZ = 90_000
"""Of all video (RFC 3551, section 5)."""
_WINDOW_S = 10.0
"""After twice this a changed path, or clocks that run apart, are what counts as prompt."""


class FrameClock:
    """Of one stream; ``note`` on one thread, times on ``clock``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: int | None = None
        self._passed = 0
        self._window_s = 0.0
        self._least_s = self._least_before_s = float("inf")
        self.heard_s = float("-inf")
        """When a packet of the stream last came."""

    def hear(self, now_s: float) -> None:
        """A packet came, of whatever use it is."""
        self.heard_s = now_s

    def note(self, timestamp: int) -> None:
        """A frame has been completely received now."""
        now_s = self._clock()
        if self._first is None:
            self._first, self._window_s = timestamp, now_s
        passed = self._passed_at(timestamp, self._first)
        self._passed = max(self._passed, passed)
        late_s = now_s - passed / _CLOCK_RATE_HZ
        if now_s - self._window_s > _WINDOW_S:
            self._least_before_s, self._least_s = self._least_s, late_s
            self._window_s = now_s
        self._least_s = min(self._least_s, late_s)

    def age_s(self, timestamp: int | None) -> float | None:
        """How long ago the frame could have been here; None before anything was noted.

        May be called on any thread.
        """
        if self._first is None or timestamp is None:
            return None
        prompt_s = min(self._least_s, self._least_before_s)
        taken_s = self._passed_at(timestamp, self._first) / _CLOCK_RATE_HZ
        return max(0.0, self._clock() - taken_s - prompt_s)

    def _passed_at(self, timestamp: int, first: int) -> int:
        """Ticks of the sender's clock since its first frame, without the wrap at 32 bits."""
        ahead = (timestamp - first - self._passed + 0x80000000) % 0x100000000 - 0x80000000
        return self._passed + ahead
