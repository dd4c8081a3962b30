"""aiortc's bandwidth estimator with the same figures for less work.

aiortc 1.16 follows draft-ietf-rmcat-gcc-02 with each packet: it counts what arrived in a list of
a thousand milliseconds, each of which it empties when its time is over, goes through the last
sixty frame periods for the least, and calls a dozen functions of a line each. That costs the same
however little arrives, and a server with twenty small streams does little else. ``lightened`` gives
an estimator that says the same, to the last bit, while the clock does not go back.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any

from media.relied_on import are_there, from_module, warn_once

if TYPE_CHECKING:
    from aiortc.rate import (
        BURST_DELTA_THRESHOLD_MS,
        DELTA_COUNTER_MAX,
        MIN_FRAME_PERIOD_HISTORY_LENGTH,
        TIMESTAMP_TO_MS,
        AimdRateControl,
        BandwidthUsage,
        InterArrival,
        InterArrivalDelta,
        OveruseDetector,
        OveruseEstimator,
        RateCounter,
        RemoteBitrateEstimator,
    )

    _PARTS: list[Any]
else:
    _PARTS = from_module(
        "aiortc.rate",
        *("BURST_DELTA_THRESHOLD_MS", "DELTA_COUNTER_MAX", "MIN_FRAME_PERIOD_HISTORY_LENGTH"),
        *("TIMESTAMP_TO_MS", "AimdRateControl", "BandwidthUsage", "InterArrival"),
        *("OveruseDetector", "OveruseEstimator", "RateCounter", "RemoteBitrateEstimator"),
    )
    BURST_DELTA_THRESHOLD_MS, DELTA_COUNTER_MAX, MIN_FRAME_PERIOD_HISTORY_LENGTH = _PARTS[:3]
    TIMESTAMP_TO_MS, AimdRateControl, BandwidthUsage, InterArrival = _PARTS[3:7]
    OveruseDetector, OveruseEstimator, RateCounter, RemoteBitrateEstimator = _PARTS[7:]

_WINDOW_MS = 1000
_AS_IT_CAME = "aiortc has changed: its bandwidth estimator works as it came"
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

    def goes_on(self, now_ms: int) -> bool:
        """Whether there is a rate."""
        self._forget(now_ms)
        return self._origin_ms is not None and now_ms > self._origin_ms and bool(self._arrived)

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


class QuickInterArrival(InterArrival):
    """aiortc's, where a packet that begins no new group takes no calls."""

    def compute_deltas(
        self, timestamp: int, arrival_time: int, packet_size: int
    ) -> InterArrivalDelta | None:
        """From the group before to the last one, when another begins (section 5.1); else None."""
        group = self.current_group
        if group is None or group.arrival_time is None:
            return super().compute_deltas(timestamp, arrival_time, packet_size)
        assert group.first_timestamp is not None and group.last_timestamp is not None
        since_first = (timestamp - group.first_timestamp) & 0xFFFFFFFF
        if since_first >= 0x80000000:
            return None
        since_last = (timestamp - group.last_timestamp) & 0xFFFFFFFF
        if since_first > self.group_length:
            sent_ms = round(self.timestamp_to_ms * since_last)
            passed_ms = arrival_time - group.arrival_time
            if sent_ms and not (passed_ms < sent_ms and passed_ms <= BURST_DELTA_THRESHOLD_MS):
                return super().compute_deltas(timestamp, arrival_time, packet_size)
        if 0 < since_last < 0x80000000:
            group.last_timestamp = timestamp
        group.size += packet_size
        group.arrival_time = arrival_time
        return None


class QuickOveruseEstimator(OveruseEstimator):
    """aiortc's Kalman filter (section 5.3) without lists of lists, and without a loop of Python's
    for the least of the last frame periods."""

    def update(
        self,
        time_delta_ms: int,
        timestamp_delta_ms: float,
        size_delta: int,
        current_hypothesis: BandwidthUsage,
        now_ms: int,
    ) -> None:
        """Take in the deltas from one group of packets to the next."""
        period_ms = self.update_min_frame_period(timestamp_delta_ms)
        self._num_of_deltas = min(self._num_of_deltas + 1, DELTA_COUNTER_MAX)
        (e00, e01), (e10, e11) = self.E
        e00 += self.process_noise[0]
        e11 += self.process_noise[1]
        offset = self._offset
        if (current_hypothesis is BandwidthUsage.OVERUSING and offset < self.previous_offset) or (
            current_hypothesis is BandwidthUsage.UNDERUSING and offset > self.previous_offset
        ):
            e11 += 10 * self.process_noise[1]
        eh0, eh1 = e00 * size_delta + e01, e10 * size_delta + e11
        residual = time_delta_ms - timestamp_delta_ms - self.slope * size_delta - offset
        if current_hypothesis is BandwidthUsage.NORMAL:
            most = 3.0 * math.sqrt(self.var_noise)
            within = residual if abs(residual) < most else -most if residual < 0 else most
            self.update_noise_estimate(within, period_ms)
        against = self.var_noise + size_delta * eh0 + eh1
        k0, k1 = eh0 / against, eh1 / against
        i00, i01, i10, i11 = 1.0 - k0 * size_delta, -k0, -k1 * size_delta, 1.0 - k1
        self.E = [
            [e00 * i00 + e10 * i01, e01 * i00 + e11 * i01],
            [e00 * i10 + e10 * i11, e01 * i10 + e11 * i11],
        ]
        self.previous_offset = offset
        self.slope += k0 * residual
        self._offset = offset + k1 * residual

    def update_min_frame_period(self, ts_delta: float) -> float:
        """The least of the last periods, in ms, with this one."""
        history = self.ts_delta_hist
        if len(history) >= MIN_FRAME_PERIOD_HISTORY_LENGTH:
            del history[0]
        history.append(ts_delta)
        return min(history)


class QuickBitrateEstimator(RemoteBitrateEstimator):
    """aiortc's, of the parts above."""

    incoming_bitrate: ArrivalRate  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.incoming_bitrate = ArrivalRate()
        self.inter_arrival = QuickInterArrival(
            self.inter_arrival.group_length, self.inter_arrival.timestamp_to_ms
        )
        self.estimator = QuickOveruseEstimator()

    def add(
        self, arrival_time_ms: int, abs_send_time: int, payload_size: int, ssrc: int
    ) -> tuple[int, list[int]] | None:
        """Take in a packet; bits a second and the SSRCs meant, where there is news."""
        self.ssrcs[ssrc] = arrival_time_ms
        arrived, detector = self.incoming_bitrate, self.detector
        if arrived.goes_on(arrival_time_ms):
            self.incoming_bitrate_initialized = True
        elif self.incoming_bitrate_initialized:
            arrived.reset()
            self.incoming_bitrate_initialized = False
        arrived.add(payload_size, arrival_time_ms)
        deltas = self.inter_arrival.compute_deltas(
            abs_send_time << 8, arrival_time_ms, payload_size
        )
        if deltas is not None:
            sent_ms = deltas.timestamp * TIMESTAMP_TO_MS
            self.estimator.update(
                deltas.arrival_time, sent_ms, deltas.size, detector.hypothesis, arrival_time_ms
            )
            detector.detect(
                self.estimator.offset(), sent_ms, self.estimator.num_of_deltas(), arrival_time_ms
            )
        control, before_ms = self.rate_control, self.last_update_ms
        if (
            before_ms is not None
            and arrival_time_ms - before_ms <= control.feedback_interval()
            and detector.hypothesis is not BandwidthUsage.OVERUSING
        ):
            return None
        bps = control.update(detector.hypothesis, arrived.rate(arrival_time_ms), arrival_time_ms)
        if bps is None:
            return None
        self.last_update_ms = arrival_time_ms
        return bps, list(self.ssrcs)


def lightened(estimator: Any) -> Any:
    """A lighter one in place of an estimator that has not begun.

    The same, with one warning, for one that has not the parts: it then works as it came.
    """
    if not are_there(_PARTS, _AS_IT_CAME):
        return estimator
    sound = (
        type(estimator) is RemoteBitrateEstimator
        and type(getattr(estimator, "incoming_bitrate", None)) is RateCounter
        and getattr(estimator.incoming_bitrate, "_window_size", 0) == _WINDOW_MS
        and getattr(estimator.incoming_bitrate, "_scale", 0) == _BITS_A_SECOND
        and type(getattr(estimator, "estimator", None)) is OveruseEstimator
        and hasattr(OveruseEstimator, "update_min_frame_period")
        and hasattr(OveruseEstimator, "update_noise_estimate")
        and type(getattr(estimator, "inter_arrival", None)) is InterArrival
        and type(getattr(estimator, "detector", None)) is OveruseDetector
        and hasattr(estimator.detector, "hypothesis")
        and type(getattr(estimator, "rate_control", None)) is AimdRateControl
    )
    if not sound:
        warn_once(_AS_IT_CAME, "its parts")
        return estimator
    return QuickBitrateEstimator()
