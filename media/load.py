"""How busy the server is, and what it does about it: first fewer frames, last no new guests.

The event loop's lag is what every guest feels; the processor's share tells what comes next. Lag
counts only while this process itself works: what other programs cause is not mended by doing less.
``LoadLadder`` decides and is pure, given its clock; ``LoadProbe`` measures and tells.

    level      when overloaded on           what it means
    ---------  ---------------------------  ------------------------------------
    normal     -                            every frame is looked at
    half       for ``hold_s``               every second frame
    third      for another ``hold_s``       every third frame
    thinned    for another ``hold_s``       and the uppermost temporal layer is not decoded, or half
                                            as many frames are asked for
    refusing   for another ``hold_s``       and new sessions get 503

It steps down again, one level at a time, when calm for twice ``hold_s``.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from core.log import Log
from core.metrics import Metrics
from core.settings import LoadSettings
from media.layers import ALL_LAYERS
from media.processors import usable_processors

_log = Log("load")
_TICK_S = 0.1
_WINDOW = 50
_JUDGED_EVERY = 5
"""Of how many ticks one is followed by a decision; where little is to do, it is the dearer part."""
_CALM = 0.7
"""Below this share of both limits the server is calm; between the two nothing changes."""
_THINNED_LAYERS = 2
_OWN_CORES = 0.5
"""With less than this many processors in use, lag is not of our making."""


class LoadLevel(IntEnum):
    NORMAL = 0
    HALF = 1
    THIRD = 2
    THINNED = 3
    REFUSING = 4


@dataclass(frozen=True, slots=True)
class Load:
    """``lag_s``: 95th percentile of the loop's lag; ``cpu_share``: the server's, of the processors
    that it may use; ``cores``: the processors that this process itself uses."""

    lag_s: float
    cpu_share: float
    cores: float


class LoadLadder:
    """Where on the ladder the server stands."""

    def __init__(self, settings: LoadSettings) -> None:
        self._settings = settings
        self._since_s: float | None = None
        self._was_over = False
        self.level = LoadLevel.NORMAL

    def update(self, load: Load, now_s: float) -> LoadLevel:
        """The level after one measurement; at most one step from the one before."""
        limits = self._settings
        lag_s = load.lag_s if load.cores >= _OWN_CORES else 0.0
        busy = max(lag_s * 1000 / limits.max_lag_ms, load.cpu_share / limits.max_cpu_share)
        over, calm = busy > 1, busy < _CALM
        if not (over or calm):
            self._since_s = None
            return self.level
        if self._since_s is None or over is not self._was_over:
            self._since_s, self._was_over = now_s, over
        if now_s - self._since_s >= limits.hold_s * (1 if over else 2):
            step = 1 if over else -1
            self.level = LoadLevel(min(max(self.level + step, 0), LoadLevel.REFUSING))
            self._since_s = now_s
        return self.level


def percentile_95(samples: deque[float]) -> float:
    """The nearest-rank 95th percentile; 0 without samples."""
    return sorted(samples)[max(0, -(-len(samples) * 95 // 100) - 1)] if samples else 0.0


class LoadProbe:
    """Measures the loop it runs on and this process, and keeps the ladder."""

    def __init__(
        self,
        settings: LoadSettings,
        metrics: Metrics,
        cores_beside: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """``cores_beside``: processors in use by other processes of this server."""
        self._cores_beside = cores_beside
        self._usable_cores = usable_processors()
        self.cores = 0.0
        self._metrics = metrics
        self._ladder = LoadLadder(settings)
        self._ticks = 0
        self._lags: deque[float] = deque(maxlen=_WINDOW)
        self._cpu: deque[tuple[float, float]] = deque(maxlen=_WINDOW // _JUDGED_EVERY)

    @property
    def level(self) -> LoadLevel:
        return self._ladder.level

    @property
    def analyse_every(self) -> int:
        """Of how many frames one is looked at."""
        return min(self._ladder.level, LoadLevel.THIRD) + 1

    @property
    def thinning(self) -> bool:
        """Whether streams are to have fewer frames."""
        return self._ladder.level >= LoadLevel.THINNED

    @property
    def layers(self) -> int:
        """How many temporal layers of a stream are decoded: of L1T3 all, or every other frame."""
        return _THINNED_LAYERS if self.thinning else ALL_LAYERS

    @property
    def refusing(self) -> bool:
        """Whether new sessions are refused, as others would suffer from them."""
        return self._ladder.level is LoadLevel.REFUSING

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            began_s = time.monotonic()
            await asyncio.sleep(_TICK_S)
            now_s = time.monotonic()
            self.note(max(0.0, now_s - began_s - _TICK_S))
            self._ticks += 1
            if self._ticks % _JUDGED_EVERY == 0:
                self.judge(now_s, time.process_time())
            if self._ticks % _WINDOW == 1:
                self._metrics.tasks.set(len(asyncio.all_tasks()))

    def note(self, lag_s: float) -> None:
        """Take in a tick's lag."""
        self._lags.append(lag_s)

    def judge(self, now_s: float, cpu_s: float) -> None:
        """Decide, given the clock and the processor time used so far."""
        self._cpu.append((now_s, cpu_s))
        then_s, used_s = self._cpu[0]
        cores = (cpu_s - used_s) / (now_s - then_s) if now_s > then_s else 0.0
        self.cores = cores
        share = (cores + self._cores_beside()) / self._usable_cores
        load = Load(percentile_95(self._lags), share, cores)
        before, level = self._ladder.level, self._ladder.update(load, now_s)
        self._metrics.loop_lag.set(load.lag_s)
        self._metrics.cpu_share.set(load.cpu_share)
        if level is not before:
            self._metrics.load_level.set(level)
            self._metrics.load_decisions.labels(level.name.lower()).inc()
            _log.warning(
                "load",
                level=level.name.lower(),
                lag_ms=round(load.lag_s * 1000),
                cpu_percent=round(load.cpu_share * 100),
            )
