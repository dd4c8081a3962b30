"""Whether a character's confidence means what it says: how often it is right, by confidence.

    python -m benchmarks.mrz_reliability [--lines 2000] [--pages 150] [--plot out/reliability.svg]

Lines are composed by ``models.training.line_scenes`` from seeds that no training used, and read
by both recognisers together, without any constraint. Pages are drawn documents, damaged in many
ways and read by the whole reader. ECE, the expected calibration error, is the mean distance of
confidence and correctness over fifteen groups of equal size. The temperature that divides
log-probabilities (``pipeline.mrz.fuse.TEMPERATURE``) was the one of least error in this list, of
other lines; ``--first`` chooses them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import MrzNotFound
from core.settings import MrzSettings
from models.training.line_scenes import LineScene, compose
from models.training.line_texts import fields
from models.training.specimen import draw_specimen
from pipeline.mrz.check_digits import ALPHABET
from pipeline.mrz.fuse import TEMPERATURE, together
from pipeline.mrz.glyphs import GlyphMatcher
from pipeline.mrz.line_net import NOTHING, LineNet
from pipeline.mrz.reader import MrzReader
from pipeline.mrz.recognize import CharacterScores, log_softmax
from pipeline.mrz.strips import STRIP_HEIGHT_PX, STRIP_PITCH_PX, LineStrip
from pipeline.types import ImageU8, MrtdFormat
from pipeline.weights import MODELS_FOLDER

FIRST_SEED = 60_000_000
GROUPS = 15
_FULL_INK = 190
_TEMPERATURES = (1.0, 1.1, 1.2, 1.3, 1.4)
_SIZE, _EDGE = 420, 60


@dataclass(frozen=True, slots=True)
class Judged:
    """Confidences 0 to 1 of characters, and whether each was right; both n."""

    confidences: NDArray[np.float64]
    right: NDArray[np.bool_]

    def groups(self) -> list[tuple[float, float, int]]:
        """Mean confidence, share right and size of groups of equal size, by confidence."""
        order = np.argsort(self.confidences, kind="stable")
        parts = [part for part in np.array_split(order, GROUPS) if len(part)]
        return [
            (float(self.confidences[p].mean()), float(self.right[p].mean()), len(p)) for p in parts
        ]

    @property
    def ece(self) -> float:
        """Expected calibration error, 0 to 1."""
        total = len(self.right)
        return sum(abs(said - was) * size / total for said, was, size in self.groups())


def strip_of(scene: LineScene) -> LineStrip:
    """A composed strip as the recognisers take it, its characters alone having cells."""
    size = (len(scene.cells) * STRIP_PITCH_PX, STRIP_HEIGHT_PX)
    ink = cv2.resize(scene.strip, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    middles = (np.flatnonzero(scene.cells != NOTHING) + 0.5) * STRIP_PITCH_PX
    return LineStrip(ink / np.float32(_FULL_INK), middles.astype(np.float32))


def read_lines(first: int, count: int) -> tuple[list[CharacterScores], list[NDArray[np.int64]]]:
    """Log-probabilities of both recognisers together, and the true characters' indices."""
    net, matcher = LineNet.load(MODELS_FOLDER), GlyphMatcher(MODELS_FOLDER)
    scores, truths = [], []
    for seed in range(first, first + count):
        scene = compose(seed)
        strip = strip_of(scene)
        [row] = together((net.scores(strip),), (matcher.scores(strip),))
        scores.append(row)
        truths.append(np.array([ALPHABET.index(c) for c in scene.text]))
    return scores, truths


def judged(scores: CharacterScores, truth: NDArray[np.int64], temperature: float) -> Judged:
    """The likeliest characters of n×37 log-probabilities."""
    shares = np.exp(log_softmax(scores / np.float32(temperature)))
    return Judged(shares.max(axis=1).astype(np.float64), shares.argmax(axis=1) == truth)


def damaged(page: ImageU8, rng: np.random.Generator) -> ImageU8:
    """A drawn page made small, soft, noisy, unevenly lit and coded."""
    scale = float(rng.uniform(0.2, 0.5))
    small = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), float(rng.uniform(0.3, 1.3))).astype(np.float32)
    height, width = soft.shape[:2]
    light = cv2.resize(rng.uniform(0.4, 1.1, (3, 4)).astype(np.float32), (width, height))
    noise = rng.normal(0, float(rng.uniform(1, 10)), soft.shape)
    seen = np.clip(soft * light[..., None] + noise, 0, 255).astype(np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 85))]
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", seen, quality)[1], 1), np.uint8)


def read_pages(count: int) -> Judged:
    """Confidences of the whole reader, of zones whose shape it got right."""
    reader = MrzReader(MrzSettings())
    confidences: list[float] = []
    right: list[bool] = []
    formats = list(MrtdFormat)
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        rng = np.random.default_rng(seed)
        mrtd_format = formats[seed % len(formats)]
        drawn = draw_specimen(mrtd_format, fields(rng, mrtd_format), 1200)
        try:
            read = reader.read([damaged(drawn.bgr, rng)])
        except MrzNotFound:
            continue
        if [len(line) for line in read.lines] == [len(line) for line in drawn.lines]:
            confidences += [share for row in read.confidences for share in row]
            pairs = zip("".join(read.lines), "".join(drawn.lines), strict=True)
            right += [a == b for a, b in pairs]
    return Judged(np.array(confidences), np.array(right))


def table(found: Judged) -> str:
    """The groups, one a line."""
    rows = [f"{said:10.4f} {was:10.4f} {size:8}" for said, was, size in found.groups()]
    return "\n".join([f"{'said':>10} {'was':>10} {'count':>8}", *rows])


def plot(curves: Sequence[tuple[str, str, Judged]]) -> str:
    """An SVG of correctness over confidence; the diagonal is what confidence promises.

    ``curves``: a name, a colour and what was judged.
    """

    def at(said: float, was: float) -> str:
        return f"{_EDGE + said * _SIZE:.1f},{_EDGE / 2 + (1 - was) * _SIZE:.1f}"

    side = _SIZE + 1.5 * _EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side:.0f} {side:.0f}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{side:.0f}" height="{side:.0f}" fill="white"/>',
        f'<polyline points="{at(0, 1)} {at(0, 0)} {at(1, 0)}" fill="none" stroke="#444"/>',
        f'<polyline points="{at(0, 0)} {at(1, 1)}" stroke="#bbb" stroke-dasharray="5 4"/>',
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = at(tick, tick).split(",")
        below = _EDGE / 2 + _SIZE + 18
        parts.append(f'<text x="{x}" y="{below:.0f}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{_EDGE - 8}" y="{y}" dy="4" text-anchor="end">{tick:g}</text>')
    for number, (name, colour, found) in enumerate(curves):
        points = [at(said, was) for said, was, _ in found.groups()]
        drawn = " ".join(points)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            '<circle cx="{}" cy="{}" r="4" fill="{}"/>'.format(*point.split(","), colour)
            for point in points
        ]
        label = f"{name}, ECE {found.ece:.3f}"
        parts.append(
            f'<text x="{_EDGE + 20}" y="{_EDGE + 22 * number}" fill="{colour}">{label}</text>'
        )
    middle = _EDGE + _SIZE / 2
    parts += [
        f'<text x="{middle}" y="{side - 12:.0f}" text-anchor="middle">confidence</text>',
        f'<text transform="translate(16 {middle - _EDGE / 2}) rotate(-90)" '
        'text-anchor="middle">share right</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=FIRST_SEED + 10_000, help="seed of the lines")
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--pages", type=int, default=150)
    parser.add_argument("--plot", type=Path, help="write an SVG")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    scores, truths = read_lines(options.first, options.lines)
    found, truth = np.concatenate(scores), np.concatenate(truths)
    for temperature in _TEMPERATURES:
        print(f"temperature {temperature}: ECE {judged(found, truth, temperature).ece:.4f}")
    lines, pages = judged(found, truth, TEMPERATURE), read_pages(options.pages)
    print(
        f"lines: {len(lines.right)} characters, {lines.right.mean():.3f} right, ECE {lines.ece:.4f}"
    )
    print(table(lines))
    print(
        f"pages: {len(pages.right)} characters, {pages.right.mean():.3f} right, ECE {pages.ece:.4f}"
    )
    print(table(pages))
    if options.plot:
        options.plot.parent.mkdir(parents=True, exist_ok=True)
        curves = [("composed lines", "#b3541e", lines), ("drawn pages", "#1f6f8b", pages)]
        options.plot.write_text(plot(curves), encoding="utf-8")


if __name__ == "__main__":
    main()
