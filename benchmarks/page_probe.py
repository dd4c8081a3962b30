"""What a page has seen of a visit, and what that tells: see ``benchmarks/latency.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.frame_numbers import BITS, CELL_PX

SIZE = (1280, 720)
FPS = 24
"""Of the camera."""
_READ_EVERY = 12
"""Of how many frames one has its number read: it would be part of what is measured."""
_SHOWN = 12
"""Frames whose capture is told in page time, too: showing them costs a page more than all else."""
_FIT_MS = 1.2
_ROUNDED_MS = 0.2
"""Page times are rounded to a tenth of a millisecond."""
_OLDEST_MS = 6000.0
"""An overlay's frame is not older: half a round of the film."""
_FEWEST = 48
"""Overlays that a clock is told by."""
_CLEARLY = 4
_CHANGE_MS = 400.0
"""The profile has just changed for this long: a key frame, and those that waited behind it."""
PHASE_NAMES = ("small", "change", "large", "taken")

WATCH = (
    (
        """
(() => {
  const seen = {frames: [], shown: [], overlays: [], results: [], states: [], coded: []};
  window.latencyProbe = seen;
  // Frames have time stamps of another start; what a video element shows tells when, in page time.
  const tellTime = async stream => {
    const video = document.createElement('video');
    video.muted = true;
    video.srcObject = stream;
    const next = (now, meta) => {
      seen.shown.push(meta.captureTime);
      if (seen.shown.length < SHOWN) return video.requestVideoFrameCallback(next);
      video.srcObject = null;
      stream.getTracks().forEach(track => track.stop());
    };
    video.requestVideoFrameCallback(next);
    await video.play();
  };
  const read = async frame => {
    if (!/^(I420|NV12)/.test(frame.format)) return null;
    const row = {x: 0, y: CELL / 2, width: BITS * CELL, height: 2};
    const pixels = new Uint8Array(frame.allocationSize({rect: row}));
    const [luma] = await frame.copyTo(pixels, {rect: row});
    let number = 0;
    for (let bit = 0; bit < BITS; bit++)
      if (pixels[luma.offset + bit * CELL + CELL / 2] > 127) number |= 1 << bit;
    return number;
  };
  const watch = async track => {
    const frames = new MediaStreamTrackProcessor({track}).readable.getReader();
    for (let count = 0; ; count++) {
      const {value: frame, done} = await frames.read();
      if (done) return;
      const at = performance.now();
      const number = count % EVERY ? null : await read(frame);
      seen.frames.push([frame.timestamp / 1000, number, at]);
      frame.close();
    }
  };
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async wanted => {
    const stream = await ask(wanted);
    tellTime(stream.clone());
    watch(stream.clone().getVideoTracks()[0]);
    return stream;
  };
  const open = RTCPeerConnection.prototype.createDataChannel;
  RTCPeerConnection.prototype.createDataChannel = function (...args) {
    const peer = this, channel = open.apply(this, args);
    const count = async () => {
      for (const each of (await peer.getStats()).values())
        if (each.type === 'outbound-rtp')
          seen.coded.push([each.framesEncoded, 1000 * each.totalEncodeTime]);
    };
    channel.addEventListener('message', event => {
      const at = performance.now(), message = JSON.parse(event.data);
      if (message.type === 'overlay')
        seen.overlays.push([
          message.frame.rtp_timestamp, at, message.frame.width, message.frame.number
        ]);
      if (message.type === 'state') seen.states.push([at, message.capture]);
      if (message.type === 'result') seen.results.push([at, message.status]), count();
    });
    return channel;
  };
})();
"""
    )
    .replace("BITS", str(BITS))
    .replace("EVERY", str(_READ_EVERY))
    .replace("SHOWN", str(_SHOWN))
    .replace("CELL", str(CELL_PX))
)


Probe = dict[str, list[list[Any]]]
"""What the page has seen, in page time (ms): ``frames`` of [capture, number or None, arrival],
``overlays`` of [RTP timestamp, arrival, width in px, number or None], ``states`` and ``results`` of
[arrival, name], ``coded`` of [frames that the encoder was given until the result, ms that it took].
"""


@dataclass(frozen=True, slots=True)
class Overlay:
    """When it came to the page, in ms since its frame had come there, in which of PHASE_NAMES, and
    in ms since the camera captured the frame."""

    age_ms: float
    phase: str
    since_capture_ms: float


def in_page_time(frames: list[list[Any]], shown_ms: Sequence[float | None]) -> list[list[Any]]:
    """``frames`` of [time stamp, number, arrival] with captures in page time for time stamps.

    Stamps tell captures from another start. ``shown_ms``: captures of some of the frames in page
    time; starts that differ by whole frames fit about as well, and of these the one is right by
    which the promptest frame came at once, and none before it was captured. No frames where none
    fits.
    """
    shown = np.asarray([at_ms for at_ms in shown_ms if at_ms is not None])
    stamps = np.asarray([frame[0] for frame in frames])
    came = np.asarray([frame[2] for frame in frames])
    starts = {
        float(at_ms - stamp)
        for at_ms in shown
        for stamp in stamps
        if -_ROUNDED_MS <= float((came - stamps - (at_ms - stamp)).min()) < 1000 / FPS
    }

    def misfit_ms(start_ms: float) -> float:
        gaps = np.abs(shown[:, None] - (stamps + start_ms)[None, :]).min(axis=1)
        return float(np.mean(np.minimum(gaps, _FIT_MS)))

    if not starts:
        return []
    start_ms = min(starts, key=misfit_ms)
    return [[stamp + start_ms, number, came_ms] for stamp, number, came_ms in frames]


def match_clock(
    captures_ms: Sequence[float], rtp_ms: Sequence[float], at_ms: Sequence[float]
) -> float | None:
    """Page time minus RTP time, in ms, for which captures and stamps fit best.

    While the camera keeps its pace, every shift by a whole frame fits as well; what tells is
    where it does not: at its start and under load. None when no shift fits clearly best.
    """
    captures, stamps = np.asarray(captures_ms), np.asarray(rtp_ms)
    scores: dict[int, tuple[int, float]] = {}
    for probe in range(0, len(stamps), max(1, len(stamps) // 12)):
        for capture in captures[(captures < at_ms[probe]) & (captures > at_ms[probe] - 800)]:
            offset = float(capture - stamps[probe])
            gaps = np.abs(captures[None, :] - (stamps + offset)[:, None]).min(axis=1)
            fitting = int((gaps < _FIT_MS).sum())
            # Offsets less than half a frame apart are one shift, seen from other frames.
            scores[round(offset / (500 / FPS))] = max(
                scores.get(round(offset / (500 / FPS)), (0, 0.0)), (fitting, offset)
            )
    if not scores:
        return None
    best = max(scores.values())
    rivals = [fit for fit, offset in scores.values() if abs(offset - best[1]) > 500 / FPS]
    return best[1] if best[0] - max(rivals, default=0) >= _CLEARLY else None


def ages_by_clock(probe: Probe) -> list[float] | None:
    """How old each overlay's frame was, in ms, by its RTP timestamp; None where no clock fits."""
    overlays = probe["overlays"]
    captures = np.asarray([frame[0] for frame in probe["frames"]])
    rtp_ms = np.unwrap(np.asarray([item[0] for item in overlays], float), period=2**32) / 90
    at_ms = [item[1] for item in overlays]
    offset = match_clock(list(captures), list(rtp_ms), at_ms)
    return None if offset is None else list(np.asarray(at_ms) - rtp_ms - offset)


def ages_by_number(probe: Probe) -> list[float | None]:
    """The same by the number that the server read in the picture; None for one never captured."""
    ages: list[float | None] = []
    for _, at_ms, _, number in probe["overlays"]:
        captured = captured_ms(probe, number, at_ms)
        ages.append(None if captured is None else at_ms - captured)
    return ages


def overlays_of(probe: Probe) -> list[Overlay]:
    """Each overlay until the result; none where no clock fits."""
    overlays = probe["overlays"]
    if len(overlays) < _FEWEST or not probe["frames"]:
        return []
    numbered = overlays[0][3] is not None
    ages = ages_by_number(probe) if numbered else ages_by_clock(probe)
    if ages is None:
        return []
    live_until_ms = probe["results"][0][0] if probe["results"] else float("inf")
    taken_ms = min((at for at, name in probe["states"] if name == "captured"), default=float("inf"))
    large_ms = min((each[1] for each in overlays if each[2] >= SIZE[0]), default=float("inf"))

    def phase(at_ms: float, width_px: int) -> str:
        if at_ms >= taken_ms:
            return "taken"
        if width_px < SIZE[0]:
            return "small"
        return "change" if at_ms < large_ms + _CHANGE_MS else "large"

    captures = np.asarray([frame[0] for frame in probe["frames"]])

    def came_after_ms(captured_ms: float) -> float:
        """From capture to page; of the nearest frame where a busy page did not get this one."""
        nearest = probe["frames"][int(np.abs(captures - captured_ms).argmin())]
        return float(nearest[2] - nearest[0])

    return [
        Overlay(age_ms - came_after_ms(at_ms - age_ms), phase(at_ms, width_px), age_ms)
        for age_ms, (_, at_ms, width_px, _) in zip(ages, overlays, strict=True)
        if age_ms is not None and at_ms <= live_until_ms
    ]


def captured_ms(probe: Probe, number: int, seen_ms: float = float("inf")) -> float | None:
    """When the film's frame ``number`` was captured, in page time; None if it was not.

    In the round of the film that was seen ``seen_ms``, the first one otherwise. Told by the nearest
    frame whose number was read: the camera keeps the film's pace. Where one was captured within
    half a frame of that moment it is this one.
    """
    oldest_ms = seen_ms - _OLDEST_MS if np.isfinite(seen_ms) else -np.inf
    near = [
        (abs(number - int(read)), at + (number - int(read)) * 1000 / FPS)
        for at, read, _ in probe["frames"]
        if read is not None and abs(number - int(read)) <= _READ_EVERY
    ]
    told = [item for item in near if oldest_ms < item[1] <= seen_ms + _FIT_MS]
    if not told:
        return None
    first_ms = min(at for _, at in told)
    told_ms = min(item for item in told if item[1] < first_ms + 1000)[1]
    captures = np.asarray([frame[0] for frame in probe["frames"]])
    nearest_ms = float(captures[np.abs(captures - told_ms).argmin()])
    return nearest_ms if abs(nearest_ms - told_ms) < 500 / FPS else float(told_ms)


def wait_for_result(probe: Probe, first_whole: int) -> float | None:
    """From the capture of frame ``first_whole`` to the result, in ms."""
    whole_ms = captured_ms(probe, first_whole)
    if not probe["results"] or whole_ms is None or probe["results"][0][0] < whole_ms:
        return None
    return float(probe["results"][0][0] - whole_ms)


def stages(probe: Probe, first_whole: int) -> dict[str, float]:
    """When each capture state was first told, in ms from frame ``first_whole``."""
    whole_ms = captured_ms(probe, first_whole)
    told: dict[str, float] = {}
    for at, state in probe["states"]:
        told.setdefault(str(state), 0.0 if whole_ms is None else round(at - whole_ms))
    return told


def encode_ms(probe: Probe) -> float | None:
    """What the encoder took for a frame, in ms; None where the browser does not say."""
    frames, spent_ms = probe["coded"][0] if probe["coded"] else (0, None)
    return None if not frames or spent_ms is None else float(spent_ms / frames)
