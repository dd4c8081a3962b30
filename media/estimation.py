"""aiortc's bandwidth estimator with the same figures for less work.

aiortc 1.16 follows draft-ietf-rmcat-gcc-02 with each packet: it counts what arrived in a list of
a thousand milliseconds, each of which it empties when its time is over, and goes through the last
sixty frame periods for the least. Both cost the same however little arrives, and a server with
twenty small streams does little else. ``lighten`` puts in parts that give the same numbers.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from aiortc.rate import (
    MIN_FRAME_PERIOD_HISTORY_LENGTH,
    OveruseEstimator,
    RateCounter,
    RemoteBitrateEstimator,
)

from media.relied_on import warn_once

_WINDOW_MS = 1000
_BITS_A_SECOND = 8000
"""Of a byte a millisecond."""


class ArrivalRate:
    """Has ``add``, ``rate`` and ``reset`` of aiortc's RateCounter; keeps what has arrived alone."""

    def __init__(self, window_ms: int = _WINDOW_MS) -> None:
        self._window_ms = window_ms
        self.reset()

    def reset(self) -> None:
        self._origin_ms: int | None = None
        self._arrived: deque[tuple[int, int]] = deque()
        self._total = 0

    def add(self, value: int, now_ms: int) -> None:
        """Bytes that arrived."""
        self._forget(now_ms)
        if self._origin_ms is None:
            self._origin_ms = now_ms
        self._arrived.append((now_ms, value))
        self._total += value

    def rate(self, now_ms: int) -> int | None:
        """Bits a second over the window, None before there is one."""
        self._forget(now_ms)
        if self._origin_ms is None or not self._arrived:
            return None
        passed_ms = now_ms - self._origin_ms + 1
        return round(_BITS_A_SECOND * self._total / passed_ms) if passed_ms > 1 else None

    def _forget(self, now_ms: int) -> None:
        first_ms = now_ms - self._window_ms + 1
        if self._origin_ms is None or self._origin_ms >= first_ms:
            return
        self._origin_ms = first_ms
        arrived = self._arrived
        while arrived and arrived[0][0] < first_ms:
            self._total -= arrived.popleft()[1]


class QuickOveruseEstimator(OveruseEstimator):
    """aiortc's, which finds the least of the last frame periods without a loop of Python's."""

    def update_min_frame_period(self, ts_delta: float) -> float:
        """The least of the last periods, in ms, with this one."""
        history = self.ts_delta_hist
        if len(history) >= MIN_FRAME_PERIOD_HISTORY_LENGTH:
            del history[0]
        history.append(ts_delta)
        return min(history)


def lighten(estimator: Any) -> bool:
    """Put the parts above into an estimator that has not begun.

    False, with one warning, for one that has no such parts: it then works as it came.
    """
    sound = (
        type(estimator) is RemoteBitrateEstimator
        and type(getattr(estimator, "incoming_bitrate", None)) is RateCounter
        and getattr(estimator.incoming_bitrate, "_window_size", 0) == _WINDOW_MS
        and getattr(estimator.incoming_bitrate, "_scale", 0) == _BITS_A_SECOND
        and type(getattr(estimator, "estimator", None)) is OveruseEstimator
        and hasattr(OveruseEstimator, "update_min_frame_period")
    )
    if not sound:
        warn_once("aiortc has changed: its bandwidth estimator works as it came", "its parts")
        return False
    estimator.incoming_bitrate = ArrivalRate()
    estimator.estimator = QuickOveruseEstimator()
    return True
