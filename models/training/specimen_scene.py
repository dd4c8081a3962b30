"""A camera scene: a guest holds a specimen before a kiosk's webcam.

Composed frame by frame with numpy and OpenCV alone, so that tests, the demo and the benchmarks
need neither fonts nor a camera. The same arguments give the same pixels. Coordinates are pixels
of the frame, origin top-left.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import ModelNotFound
from models.training.specimen_light import dim, lamp, lobby, rectangle_px, rounded_mask, soft_shadow

ImageU8 = NDArray[np.uint8]
QuadPx = NDArray[np.float32]
Floats = NDArray[np.float32]

SPECIMEN_PAGE = Path(__file__).resolve().parents[2] / "static" / "specimen" / "passport.png"
"""The bundled TD3 specimen: 125 mm wide."""

_FOCAL = 1.35
_SHUTTER = 0.5
_EXPOSURE_STEP_PX = 2.0
_MOST_EXPOSURES = 7
"""A frame of a moving document is the mean of up to eight moments while the shutter is open."""
_NOISE_MARGIN = 64


@dataclass(frozen=True, slots=True)
class SceneFrame:
    """One frame: ``bgr`` H×W×3 uint8; ``quad_px`` 4×2 float32 or None.

    The quad is clockwise from the document's own top-left, may reach outside the frame, and is
    None while no part of the document is in view.
    """

    bgr: ImageU8
    quad_px: QuadPx | None


@dataclass(frozen=True, slots=True)
class Phases:
    """How long each part of the scene lasts, in seconds; after the last it stays empty."""

    empty: float = 1.0
    moving_in: float = 1.5
    held: float = 6.0
    leaving: float = 1.0
    empty_after: float = 1.0

    @property
    def total(self) -> float:
        return self.empty + self.moving_in + self.held + self.leaving + self.empty_after


@dataclass(frozen=True, slots=True)
class _Pose:
    """Centre as shares of the frame, turns in degrees."""

    x: float
    y: float
    roll: float
    pitch: float
    yaw: float

    def towards(self, other: _Pose, share: float) -> _Pose:
        pairs = (
            (self.x, other.x),
            (self.y, other.y),
            (self.roll, other.roll),
            (self.pitch, other.pitch),
            (self.yaw, other.yaw),
        )
        return _Pose(*(a + (b - a) * share for a, b in pairs))


@functools.lru_cache(maxsize=1)
def specimen_page() -> ImageU8:
    """The bundled specimen page, H×W×3 uint8 BGR; ModelNotFound if the file is missing."""
    page = cv2.imread(str(SPECIMEN_PAGE), cv2.IMREAD_COLOR)
    if page is None:
        raise ModelNotFound(
            "static/specimen/passport.png is missing: draw it with "
            "python -m models.training.specimen static/specimen/passport.png"
        )
    return np.asarray(page, np.uint8)


class SpecimenScene:
    """Frames of a document that enters, is held for a while, and leaves.

    size: width and height in pixels. page: H×W×3 uint8 BGR, the bundled specimen by default.
    scale: share of the frame's width that the document takes while held. tremor: how far a
    corner strays from its rest, in pixels of a 1280 wide frame. noise: sigma of the camera
    noise, in luma steps. no_document: the empty desk all along. upside_down: turned by 180°.
    """

    def __init__(
        self,
        size: tuple[int, int] = (1280, 720),
        fps: float = 24,
        seed: int = 0,
        *,
        page: ImageU8 | None = None,
        phases: Phases | None = None,
        scale: float = 0.72,
        tremor: float = 2.0,
        noise: float = 2.5,
        upside_down: bool = False,
        no_document: bool = False,
    ) -> None:
        self.size = size
        self.fps = fps
        self.phases = phases or Phases()
        self._seed = seed
        self._page = specimen_page() if page is None else page
        page_height, page_width = self._page.shape[:2]
        self._outline = rectangle_px(page_width, page_height)
        self._scale = scale
        self._tremor_px = tremor * size[0] / 1280
        self._no_document = no_document
        rng = np.random.default_rng(seed)
        self._alpha = rounded_mask(page_width, page_height)
        within = self._alpha.astype(np.float32)[..., None] / 255
        self._page = (self._page * within).astype(np.uint8)
        self._background = lobby(size, rng)
        width, height = size
        grain = rng.normal(0, noise, (height + _NOISE_MARGIN, width + _NOISE_MARGIN, 3))
        self._grain = cv2.GaussianBlur(grain.astype(np.float32), (0, 0), 0.55) * 1.6
        turn = 180.0 if upside_down else 0.0
        self._rest = _resting_pose(turn, rng)
        self._entry = _Pose(1.25, 1.45, turn + 24.0, 22.0, -20.0)
        self._exit = _Pose(-0.45, 1.30, turn - 20.0, 18.0, 16.0)
        self._shake_hz = rng.uniform(0.6, 6.5, (5, 4))
        self._shake_phase = rng.uniform(0, 2 * np.pi, (5, 4))

    @property
    def frame_count(self) -> int:
        """Frames until the last phase ends."""
        return round(self.phases.total * self.fps)

    def frames(self, seconds: float | None = None) -> Iterator[SceneFrame]:
        """Every frame from the first, for ``seconds`` or for the whole scene."""
        count = self.frame_count if seconds is None else round(seconds * self.fps)
        return (self.frame(index) for index in range(count))

    def quad_px(self, index: int) -> QuadPx | None:
        """Where the document is at frame ``index``, without drawing it."""
        pose = self._pose(index / self.fps)
        if pose is None:
            return None
        quad = self._project(pose)
        width, height = self.size
        low, high = quad.min(axis=0), quad.max(axis=0)
        inside = high[0] > 0 and high[1] > 0 and low[0] < width and low[1] < height
        return quad if inside else None

    def frame(self, index: int) -> SceneFrame:
        """Frame ``index``, counted from zero; negative or late ones show the empty desk."""
        quad = self.quad_px(index)
        image = self._background.copy()
        if quad is not None:
            self._lay_document(image, quad, index)
        return SceneFrame(self._develop(image, index, quad is not None), quad)

    def _pose(self, t: float) -> _Pose | None:
        """The document's pose at ``t`` seconds, tremor included."""
        phases = self.phases
        t_in = t - phases.empty
        t_held = t_in - phases.moving_in
        t_out = t_held - phases.held
        if self._no_document or t_in < 0 or t_out >= phases.leaving:
            return None
        if t_held < 0:
            pose = self._entry.towards(self._rest, 1 - (1 - t_in / phases.moving_in) ** 3)
        elif t_out >= 0:
            pose = self._rest.towards(self._exit, (t_out / phases.leaving) ** 2)
        else:
            pose = self._rest
        swings = np.sin(2 * np.pi * self._shake_hz * t + self._shake_phase).mean(axis=1)
        width, height = self.size
        shift = self._tremor_px * swings[:2]
        return _Pose(
            pose.x + float(shift[0]) / width,
            pose.y + float(shift[1]) / height,
            pose.roll + 0.12 * self._tremor_px * float(swings[2]),
            pose.pitch + 0.3 * self._tremor_px * float(swings[3]),
            pose.yaw + 0.3 * self._tremor_px * float(swings[4]),
        )

    def _project(self, pose: _Pose) -> QuadPx:
        """The four corners through a pinhole camera ``_FOCAL`` frame widths before the desk."""
        width, height = self.size
        page_height, page_width = self._page.shape[:2]
        half_w = self._scale * width / 2
        half_h = half_w * page_height / page_width
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64) * (half_w, half_h)
        roll, pitch, yaw = np.radians((pose.roll, pose.pitch, pose.yaw))
        x = corners[:, 0] * np.cos(roll) - corners[:, 1] * np.sin(roll)
        y = corners[:, 0] * np.sin(roll) + corners[:, 1] * np.cos(roll)
        depth = y * np.sin(pitch) + x * np.sin(yaw)
        near = 1 + depth / (_FOCAL * width)
        u = pose.x * width + x * np.cos(yaw) / near
        v = pose.y * height + y * np.cos(pitch) / near
        return np.stack([u, v], axis=1).astype(np.float32)

    def _lay_document(self, image: Floats, quad: QuadPx, index: int) -> None:
        """Blend the page, its shadow and its motion blur into ``image``, in place."""
        width, height = self.size
        travel = self._travel_px(index) * _SHUTTER
        steps = 1 + min(_MOST_EXPOSURES, int(np.hypot(*travel) / _EXPOSURE_STEP_PX))
        ink = np.zeros((height, width, 3), np.float32)
        cover = np.zeros((height, width), np.float32)
        page = self._page_at(float(np.linalg.norm(quad[1] - quad[0])))
        for step in range(steps):
            moved = quad + (travel * ((step + 0.5) / steps - 0.5)).astype(np.float32)
            matrix = cv2.getPerspectiveTransform(self._outline - 0.5, moved - 0.5)
            cv2.accumulate(cv2.warpPerspective(page, matrix, self.size), ink)
            cv2.accumulate(cv2.warpPerspective(self._alpha, matrix, self.size), cover)
        cover *= 1 / (255 * steps)
        dim(image, (1 - 0.38 * soft_shadow(cover)) * (1 - cover))
        dim(ink, lamp(self.size, float(quad[:, 0].mean())) * np.float32(1 / steps))
        image += ink

    def _page_at(self, width_px: float) -> ImageU8:
        """The page, softened so that it can be drawn ``width_px`` wide without aliasing."""
        shrink = width_px / self._page.shape[1]
        if shrink >= 0.75:
            return self._page
        return np.asarray(cv2.GaussianBlur(self._page, (0, 0), 0.42 / shrink), np.uint8)

    def _travel_px(self, index: int) -> NDArray[np.float64]:
        """Motion of the centre since the frame before, in pixels."""
        now, before = self._pose(index / self.fps), self._pose((index - 1) / self.fps)
        if now is None or before is None:
            return np.zeros(2)
        return np.array([now.x - before.x, now.y - before.y]) * self.size

    def _develop(self, image: Floats, index: int, occupied: bool) -> ImageU8:
        """Lens softness, drifting exposure, noise, and 8 bits."""
        rng = np.random.default_rng((self._seed, index & 0xFFFFFFFF))
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.6), np.float32)
        drift = 1 + 0.012 * np.sin(index / self.fps * 1.7 + self._seed)
        gain = float(drift) * (0.97 if occupied else 1.0)
        width, height = self.size
        left, top = (int(v) for v in rng.integers(0, _NOISE_MARGIN, 2))
        grain = self._grain[top : top + height, left : left + width]
        exposed = np.asarray(cv2.addWeighted(image, gain, grain, 1.0, 0.0), np.float32)
        np.maximum(exposed, 0, out=exposed)
        return np.asarray(cv2.convertScaleAbs(exposed), np.uint8)


def _resting_pose(turn_deg: float, rng: np.random.Generator) -> _Pose:
    """About the middle, a little askew, as a hand holds it."""
    lean = rng.uniform(-1, 1, 5)
    return _Pose(
        0.5 + 0.012 * lean[0],
        0.5 + 0.012 * lean[1],
        turn_deg + 1.6 * lean[2],
        5.0 * lean[3],
        5.0 * lean[4],
    )


def write_y4m(path: Path, scene: SpecimenScene, seconds: float | None = None) -> None:
    """Write the scene as YUV4MPEG2 (4:2:0, BT.601), which Chromium's fake camera plays.

    The frame's width and height must be even. The file holds 1.5 bytes a pixel and frame.
    """
    with path.open("wb") as file:
        _write_frames(file, scene, seconds)


def _write_frames(file: BinaryIO, scene: SpecimenScene, seconds: float | None) -> None:
    width, height = scene.size
    rate = round(scene.fps * 1000)
    file.write(f"YUV4MPEG2 W{width} H{height} F{rate}:1000 Ip A1:1 C420\n".encode())
    for shown in scene.frames(seconds):
        file.write(b"FRAME\n")
        file.write(cv2.cvtColor(shown.bgr, cv2.COLOR_BGR2YUV_I420).tobytes())
