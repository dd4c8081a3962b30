"""How a camera, a scanner or a video codec shows a line: small, tilted, soft, noisy, coded."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.drawing import Plane, Rng
from models.training.line_print import PITCH_PX

_SMALLEST_PITCH_PX, _LARGEST_PITCH_PX = 6.0, 26.0


@dataclass(frozen=True, slots=True)
class View:
    """Where the picture shows a canvas point p: ``scale`` · (turn @ p) + shift.

    scale: picture pixels per canvas pixel. angle: radians, of the line against the picture's
    x axis. turn: 2×2. shift_px: 2.
    """

    scale: float
    angle: float
    turn: NDArray[np.float64]
    shift_px: NDArray[np.float64]

    @classmethod
    def pick(cls, rng: Rng) -> View:
        """Small print about as often as large; a little tilted, sheared by perspective."""
        pitch = float(np.exp(rng.uniform(np.log(_SMALLEST_PITCH_PX), np.log(_LARGEST_PITCH_PX))))
        angle = float(rng.normal(0, 0.012)) if rng.random() < 0.6 else 0.0
        shear = float(rng.normal(0, 0.05)) if rng.random() < 0.5 else 0.0
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, shear], [0, 1]])
        return cls(pitch / PITCH_PX, angle, turn, rng.uniform(6, 7, 2))


def photograph(canvas: Plane, view: View, rng: Rng) -> NDArray[np.uint8]:
    """The canvas (H×W float32 luma) as an 8-bit picture seen by the view."""
    height, width = canvas.shape
    if view.scale < 1:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.42 / view.scale), np.float32)
    matrix = np.concatenate([view.scale * view.turn, view.shift_px[:, None]], axis=1)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) @ matrix[:, :2].T
    size = np.ceil(corners.max(axis=0)).astype(int) + 12
    picture = cv2.warpAffine(
        canvas,
        matrix,
        (int(size[0]), int(size[1])),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return _coded(_sensed(_lit(np.asarray(picture, np.float32), rng), view, rng), rng)


def _lit(picture: Plane, rng: Rng) -> Plane:
    """Uneven light, the edge of a shadow, a lamp's reflection."""
    height, width = picture.shape
    if rng.random() < 0.5:
        ends = rng.uniform(0.45, 1.1, (2, 5)).astype(np.float32)
        light = cv2.resize(ends, (width, height), interpolation=cv2.INTER_LINEAR)
        picture = np.asarray(picture * light, np.float32)
    x = np.arange(width, dtype=np.float32)[None]
    y = np.arange(height, dtype=np.float32)[:, None]
    if rng.random() < 0.2:
        place, soft = float(rng.uniform(0, width)), float(rng.uniform(1, 30))
        slant = x - place + float(rng.normal(0, 1.5)) * y
        shade = 1 / (1 + np.exp(np.clip(-slant / soft, -30, 30)))
        picture = np.asarray(picture * (1 - float(rng.uniform(0.2, 0.6)) * shade), np.float32)
    if rng.random() < 0.16:
        centre = rng.uniform(0, 1, 2) * (width, height)
        reach = float(rng.uniform(0.3, 2.5)) * height * 0.5
        spot = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * reach**2))
        picture = np.asarray(picture + float(rng.uniform(60, 230)) * spot, np.float32)
    return picture


def _sensed(picture: Plane, view: View, rng: Rng) -> NDArray[np.uint8]:
    """Softness and motion, in proportion to the print; noise; sharpening as cameras do it."""
    pitch = view.scale * PITCH_PX
    if rng.random() < 0.55:
        blur = 0.25 + float(rng.uniform(0, 0.125)) * pitch
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), np.float32)
    if rng.random() < 0.2:
        length = 1 + float(rng.uniform(0, 0.32)) * pitch
        size = 2 * int(length) + 1
        kernel = np.zeros((size, size), np.float32)
        turn = float(rng.uniform(0, np.pi))
        reach = np.array([np.cos(turn), np.sin(turn)]) * length / 2
        middle = np.array([size // 2, size // 2])
        ends = [tuple(np.round((middle + s * reach) * 16).astype(int).tolist()) for s in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 4)
        kernel /= max(float(kernel.sum()), 1e-6)
        picture = np.asarray(cv2.filter2D(picture, -1, kernel), np.float32)
    if rng.random() < 0.7:
        noise = rng.normal(0, float(rng.uniform(0.5, 9)), picture.shape).astype(np.float32)
        if rng.random() < 0.4:
            noise = cv2.GaussianBlur(noise, (0, 0), 0.7) * 1.8
        picture = picture + noise
    if rng.random() < 0.3:
        soft = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.8, 2)))
        picture = picture + float(rng.uniform(0.3, 1.5)) * (picture - soft)
    if rng.random() < 0.1:
        low = float(np.percentile(picture, 5))
        picture = (picture - low) * float(rng.uniform(1.2, 2)) + float(rng.uniform(0, 40))
    if rng.random() < 0.03:
        middle_tone = cv2.GaussianBlur(picture, (0, 0), pitch) - float(rng.uniform(2, 25))
        picture = np.where(picture < middle_tone, 20, 235).astype(np.float32)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _coded(picture: NDArray[np.uint8], rng: Rng) -> NDArray[np.uint8]:
    """JPEG, or a VP8 key frame (that is what lossy WebP holds); rescaled before, at times."""
    if rng.random() < 0.25:
        factor = float(rng.uniform(0.7, 1.5))
        picture = np.asarray(cv2.resize(picture, None, fx=factor, fy=factor), np.uint8)
        small = _compressed(picture, rng)
        return np.asarray(cv2.resize(small, None, fx=1 / factor, fy=1 / factor), np.uint8)
    return _compressed(picture, rng)


def _compressed(picture: NDArray[np.uint8], rng: Rng) -> NDArray[np.uint8]:
    kind = rng.random()
    if kind < 0.5:
        data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(18, 95))])
    elif kind < 0.75:
        data = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, int(rng.integers(5, 80))])
    else:
        return picture
    return np.asarray(cv2.imdecode(data[1], cv2.IMREAD_GRAYSCALE), np.uint8)
