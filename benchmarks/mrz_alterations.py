"""What scanners, cameras and codecs do to a picture with a zone, as functions of the picture.

Each takes a ``Subject`` and a generator of chance and gives an H×W×3 uint8 BGR picture; None
where the subject does not allow it, such as a resolution higher than its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import ImageU8

Rng = np.random.Generator
Floats = NDArray[np.float64]
_DESK = (200, 190, 180)


@dataclass(frozen=True, slots=True)
class Subject:
    """A picture, H×W×3 uint8 BGR, the middle of its zone and the distance of the zone's characters,
    in pixels (origin top-left), the direction of its lines, and another picture to lie beside."""

    bgr: ImageU8
    centre_px: tuple[float, float]
    pitch_px: float
    direction: tuple[float, float]
    beside: ImageU8


Alteration = Callable[[Subject, Rng], ImageU8 | None]


def _u8(values: NDArray[np.floating]) -> ImageU8:
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def _jpeg(bgr: ImageU8, quality: int) -> ImageU8:
    coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _soft(bgr: ImageU8, sigma_px: float) -> ImageU8:
    return np.asarray(cv2.GaussianBlur(bgr, (0, 0), sigma_px), np.uint8)


def _sign(rng: Rng) -> float:
    return float(rng.choice((-1, 1)))


def tilted(bgr: ImageU8, turn_deg: float) -> ImageU8:
    """Turned about its middle, whole, on a plain desk."""
    height, width = bgr.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn_deg, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = (int(height * sin + width * cos), int(height * cos + width * sin))
    matrix[:, 2] += ((size[0] - width) / 2, (size[1] - height) / 2)
    turned = cv2.warpAffine(bgr, matrix, size, flags=cv2.INTER_CUBIC, borderValue=_DESK)
    return np.asarray(turned, np.uint8)


def oblique(bgr: ImageU8, amount: float, rng: Rng) -> ImageU8:
    """Seen from one of four sides: the far edge is ``amount`` shorter, the page that much flatter
    by half."""
    height, width = bgr.shape[:2]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    target = source.copy()
    side = int(rng.integers(4))
    a, b = side, (side + 1) % 4
    along = (source[b] - source[a]) * amount / 2
    inward = (source[(side + 2) % 4] - source[b]) * amount / 4
    target[a] += along + inward
    target[b] += inward - along
    target += (rng.uniform(-amount / 6, amount / 6, (4, 2)) * (width, height)).astype(np.float32)
    target -= target.min(axis=0) - 8
    size = (int(target[:, 0].max()) + 8, int(target[:, 1].max()) + 8)
    matrix = cv2.getPerspectiveTransform(source, target)
    seen = cv2.warpPerspective(bgr, matrix, size, flags=cv2.INTER_CUBIC, borderValue=_DESK)
    return np.asarray(seen, np.uint8)


def _turned(subject: Subject, rng: Rng) -> ImageU8:
    turns = (cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE)
    turn = turns[int(rng.integers(3))]
    return np.asarray(cv2.rotate(subject.bgr, turn), np.uint8)


def _tilted(low_deg: float, high_deg: float) -> Alteration:
    return lambda subject, rng: tilted(subject.bgr, _sign(rng) * rng.uniform(low_deg, high_deg))


def _oblique(low: float, high: float) -> Alteration:
    return lambda subject, rng: oblique(subject.bgr, rng.uniform(low, high), rng)


def _small(pitch_px: float, quality: int = 100, enlarged: float = 1.0) -> Alteration:
    def small(subject: Subject, _rng: Rng) -> ImageU8 | None:
        scale = pitch_px / subject.pitch_px
        if scale >= 1:
            return None
        bgr = cv2.resize(subject.bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        coded = _jpeg(np.asarray(bgr, np.uint8), quality) if quality < 100 else bgr
        if enlarged > 1:
            mode = cv2.INTER_LINEAR
            coded = cv2.resize(coded, None, fx=enlarged, fy=enlarged, interpolation=mode)
        return np.asarray(coded, np.uint8)

    return small


def _blurred(subject: Subject, rng: Rng) -> ImageU8:
    return _soft(subject.bgr, rng.uniform(0.08, 0.14) * subject.pitch_px)


def _shaken(subject: Subject, rng: Rng) -> ImageU8:
    """A hand's motion over a third to half of a character."""
    length = max(2, round(rng.uniform(0.3, 0.5) * subject.pitch_px))
    kernel = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
    turn = rng.uniform(0, np.pi)
    for step in np.linspace(-length / 2, length / 2, 4 * length):
        x, y = round(length + step * np.cos(turn)), round(length + step * np.sin(turn))
        kernel[y, x] = 1
    return np.asarray(cv2.filter2D(subject.bgr, -1, kernel / kernel.sum()), np.uint8)


def _toned(low: float, high: float) -> Alteration:
    return lambda subject, rng: _u8(255 * (subject.bgr / 255.0) ** rng.uniform(low, high))


def _places(bgr: ImageU8) -> tuple[Floats, Floats]:
    height, width = bgr.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float64)
    return x, y


def _shadowed(subject: Subject, rng: Rng) -> ImageU8:
    """The edge of a shadow, sharp or soft, somewhere near the middle."""
    x, y = _places(subject.bgr)
    turn, width = rng.uniform(0, 2 * np.pi), subject.bgr.shape[1]
    off = (x - x.mean()) * np.cos(turn) + (y - y.mean()) * np.sin(turn)
    shade = 1 / (1 + np.exp(-off / (width * rng.uniform(0.005, 0.1))))
    return _u8(subject.bgr * (1 - 0.7 * shade)[..., None])


def _glare(subject: Subject, rng: Rng) -> ImageU8:
    """A lamp's reflection on the zone, of one to three characters, its middle overexposed."""
    x, y = _places(subject.bgr)
    along = rng.uniform(-12, 12) * subject.pitch_px
    across = rng.uniform(-3, 3) * subject.pitch_px
    a, b = subject.direction
    spot = np.add(subject.centre_px, (along * a - across * b, along * b + across * a))
    radius = rng.uniform(0.7, 2.2) * subject.pitch_px
    light = np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / (2 * radius**2))
    return _u8(subject.bgr + light[..., None] * rng.uniform(100, 220))


def _sheen(subject: Subject, rng: Rng) -> ImageU8:
    """A laminate's pale band across the whole page: print shows through, weakly."""
    x, y = _places(subject.bgr)
    turn = rng.uniform(0, np.pi)
    off = (x - subject.centre_px[0]) * np.cos(turn) + (y - subject.centre_px[1]) * np.sin(turn)
    light = np.exp(-((off / (rng.uniform(2, 6) * subject.pitch_px)) ** 2))[..., None]
    return _u8(subject.bgr * (1 - 0.65 * light) + 235 * 0.65 * light)


def _noisy(low: float, high: float) -> Alteration:
    def noisy(subject: Subject, rng: Rng) -> ImageU8:
        return _u8(subject.bgr + rng.normal(0, rng.uniform(low, high), subject.bgr.shape))

    return noisy


def _moire(subject: Subject, rng: Rng) -> ImageU8:
    """A screen's grid seen by a sensor's: bands of a few pixels, in three colours."""
    x, y = _places(subject.bgr)
    bands = []
    for _ in range(3):
        turn, period = rng.uniform(0, np.pi), rng.uniform(2.2, 6)
        bands.append(np.sin(2 * np.pi / period * (x * np.cos(turn) + y * np.sin(turn))))
    return _u8(subject.bgr + rng.uniform(12, 30) * np.stack(bands, axis=2))


def _bent(subject: Subject, rng: Rng) -> ImageU8:
    """A page that does not lie flat: lines bow by up to a character's height."""
    x, y = _places(subject.bgr)
    height, width = subject.bgr.shape[:2]
    bow = _sign(rng) * rng.uniform(0.2, 0.5) * subject.pitch_px
    if abs(subject.direction[0]) > abs(subject.direction[1]):
        y += bow * np.cos(2 * np.pi * (x / width - 0.5))
    else:
        x += bow * np.cos(2 * np.pi * (y / height - 0.5))
    bent = cv2.remap(
        subject.bgr,
        x.astype(np.float32),
        y.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(bent, np.uint8)


def _overprinted(subject: Subject, rng: Rng) -> ImageU8:
    """SPECIMEN in pale letters across the page and its zone."""
    height, width = subject.bgr.shape[:2]
    size = 18 * subject.pitch_px / 200
    stroke = max(1, round(subject.pitch_px / 3))
    layer = np.zeros((height, width), np.uint8)
    (long, high), _ = cv2.getTextSize("SPECIMEN", cv2.FONT_HERSHEY_SIMPLEX, size, stroke)
    place = (round(subject.centre_px[0] - long / 2), round(subject.centre_px[1] + high / 2))
    cv2.putText(layer, "SPECIMEN", place, cv2.FONT_HERSHEY_SIMPLEX, size, 255, stroke, cv2.LINE_AA)
    matrix = cv2.getRotationMatrix2D(subject.centre_px, float(rng.uniform(-40, 40)), 1.0)
    cover = cv2.warpAffine(layer, matrix, (width, height))[..., None] / 255.0 * 0.45
    return _u8(subject.bgr * (1 - cover) + np.array((60, 60, 200)) * cover)


def _two_on_a_page(subject: Subject, rng: Rng) -> ImageU8:
    height, width = subject.bgr.shape[:2]
    scale = width / subject.beside.shape[1]
    size = (width, max(1, round(subject.beside.shape[0] * scale)))
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    other = np.asarray(cv2.resize(subject.beside, size, interpolation=mode), np.uint8)
    gap = np.full((height // 12 + 4, width, 3), 250, np.uint8)
    both = [subject.bgr, other] if rng.random() < 0.5 else [other, subject.bgr]
    return np.vstack([gap, both[0], gap, both[1], gap])


def _surroundings(height: int, width: int, rng: Rng) -> ImageU8:
    """A desk's or a cloth's irregular pattern."""
    cloth = np.zeros((height, width, 3), np.float32) + rng.uniform(40, 200, 3).astype(np.float32)
    for size in (4, 16, 64):
        few = (max(2, height // size), max(2, width // size), 3)
        cloth += 12 * cv2.resize(rng.normal(0, 1, few).astype(np.float32), (width, height))
    wave = cv2.resize(
        rng.normal(0, 3, (height // 64 + 2, width // 64 + 2)).astype(np.float32), (width, height)
    )
    grain = np.sin(np.arange(height)[:, None] / rng.uniform(3, 9) + wave)
    return _u8(cloth + 15 * grain[..., None])


def _within(times: float) -> Alteration:
    """Somewhere in a picture ``times`` as wide and high."""

    def within(subject: Subject, rng: Rng) -> ImageU8:
        height, width = subject.bgr.shape[:2]
        whole = _surroundings(int(height * times), int(width * times), rng)
        top, left = (int(rng.uniform(0.05, times - 1.05) * size) for size in (height, width))
        whole[top : top + height, left : left + width] = subject.bgr
        return whole

    return within


def _phone(subject: Subject, rng: Rng) -> ImageU8:
    """A little of everything: tilted, oblique, soft, dim, noisy, coded."""
    seen = oblique(tilted(subject.bgr, rng.uniform(-12, 12)), rng.uniform(0.04, 0.12), rng)
    seen = _soft(seen, rng.uniform(0.03, 0.08) * subject.pitch_px)
    return _jpeg(_u8(seen * rng.uniform(0.5, 0.95) + rng.normal(0, 6, seen.shape)), 50)


ALTERATIONS: Mapping[str, Alteration] = MappingProxyType(
    {
        "as it is": lambda subject, _rng: subject.bgr,
        "a quarter or half turned": _turned,
        "tilted 3 to 12 degrees": _tilted(3, 12),
        "tilted 12 to 30 degrees": _tilted(12, 30),
        "oblique by .06 to .15": _oblique(0.06, 0.15),
        "oblique by .15 to .25": _oblique(0.15, 0.25),
        "characters 10 px wide": _small(10),
        "characters 7 px wide": _small(7),
        "characters 6 px in JPEG 70": _small(6, 70),
        "characters 6 px and enlarged": _small(6, 85, 3),
        "JPEG 15": lambda subject, _rng: _jpeg(subject.bgr, 15),
        "out of focus": _blurred,
        "shaken": _shaken,
        "dark": _toned(1.8, 3),
        "pale": _toned(0.25, 0.5),
        "inverted": lambda subject, _rng: np.asarray(255 - subject.bgr, np.uint8),
        "edge of a shadow": _shadowed,
        "lamp on the zone": _glare,
        "pale band": _sheen,
        "noise 8 to 15": _noisy(8, 15),
        "noise 20 to 30": _noisy(20, 30),
        "moiré": _moire,
        "bent": _bent,
        "overprinted": _overprinted,
        "beside another page": _two_on_a_page,
        "in a picture 1.8 times": _within(1.8),
        "in a picture 3 times": _within(3),
        "phone": _phone,
    }
)
"""By the name that the table prints."""
