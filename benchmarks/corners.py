"""Corner detection on a folder of pictures: our network beside a contour scanner.

`python benchmarks/corners.py FOLDER` reads FOLDER/truth.json: images with `file`, `kind` and
`corners` (4×2 pixels, null in negatives; kinds that begin with "partial" are left out). Prints
mean IoU, shares over .90 and .95, the area under the curve "share of pictures over an IoU", false
positives, times, and errors by kind; `--sheet FILE` draws truth (white) and answers on one sheet.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.contour_scanner import scan
from core.settings import DetectSettings
from pipeline.detect import MODEL, CornerDetector
from pipeline.geometry import iou
from pipeline.types import Frame, ImageU8, QuadPx
from pipeline.weights import MODELS_FOLDER, Weights

Detect = Callable[[ImageU8], tuple[QuadPx, float] | None]
_LONGEST_PX = 1280
_REPEATS = 5
_COLOURS = ((80, 220, 60), (60, 120, 250), (220, 120, 60), (220, 60, 220))


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of the folder; `quad` 4×2 float32 pixels, None in a negative."""

    name: str
    kind: str
    image: ImageU8
    quad: QuadPx | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one detector said of one picture; `iou` is None in a negative, 0 where it missed."""

    picture: Picture
    quad: QuadPx | None
    iou: float | None
    milliseconds: float


def read_folder(folder: Path) -> list[Picture]:
    """The pictures, their longest side at most 1280. Raises FileNotFoundError."""
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    pictures = []
    for entry in truth["images"]:
        if entry["kind"].startswith("partial"):
            continue
        image = cv2.imread(str(folder / entry["file"]), cv2.IMREAD_COLOR)
        if image is None:
            raise FileNotFoundError(folder / entry["file"])
        scale = min(1.0, _LONGEST_PX / max(image.shape[:2]))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        quad = np.array(entry["corners"], np.float32) * scale if entry["corners"] else None
        pictures.append(Picture(entry["file"], entry["kind"], np.asarray(small, np.uint8), quad))
    return pictures


def ask(detect: Detect, pictures: Sequence[Picture]) -> list[Answer]:
    """Every picture a few times; the fastest run counts, the first one warms up."""
    answers = []
    for picture in pictures:
        times = []
        for _ in range(_REPEATS):
            began = time.perf_counter()
            found = detect(picture.image)
            times.append((time.perf_counter() - began) * 1000)
        quad = None if found is None else found[0]
        score = None
        if picture.quad is not None:
            score = 0.0 if quad is None else iou(quad, picture.quad)
        answers.append(Answer(picture, quad, score, min(times)))
    return answers


def table(name: str, answers: Sequence[Answer]) -> str:
    """The scores of one detector: a line for all pictures, then one for each kind."""
    kinds: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        kinds[answer.picture.kind].append(answer)
    lines = [_line(name, answers)]
    lines += [_line(f"  {kind}", some) for kind, some in sorted(kinds.items())]
    return "\n".join(lines)


def _line(name: str, answers: Sequence[Answer]) -> str:
    scores: NDArray[np.float64] = np.array([a.iou for a in answers if a.iou is not None])
    empty = [a for a in answers if a.iou is None]
    cells = [f"{name:<20}{len(answers):>4}"]
    if len(scores):
        area = np.mean([(scores > step).mean() for step in np.linspace(0, 0.99, 100)])
        cells.append(
            f"IoU {scores.mean():.3f}  >.90 {(scores > 0.9).mean():.3f}  "
            f">.95 {(scores > 0.95).mean():.3f}  AUC {area:.3f}"
        )
    if empty:
        cells.append(f"false positives {sum(a.quad is not None for a in empty)}/{len(empty)}")
    cells.append(f"{np.median([a.milliseconds for a in answers]):.1f} ms")
    return "  ".join(cells)


def contact_sheet(columns: Sequence[Sequence[Answer]]) -> ImageU8:
    """All pictures with the truth in white and each detector's quad in its colour."""
    side, per_row = 320, 5
    tiles = []
    for place, first in enumerate(columns[0]):
        picture = first.picture
        scale = side / max(picture.image.shape[:2])
        tile = np.full((side, side, 3), 30, np.uint8)
        small = cv2.resize(picture.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        tile[: small.shape[0], : small.shape[1]] = small[:side, :side]
        quads = [(picture.quad, (255, 255, 255))]
        quads += [
            (answers[place].quad, paint) for answers, paint in zip(columns, _COLOURS, strict=False)
        ]
        for quad, paint in quads:
            if quad is not None:
                points = np.round(quad * scale * 8).astype(np.int32)
                cv2.polylines(tile, [points], True, paint, 2, cv2.LINE_AA, 3)
        tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % per_row)
    rows = [np.hstack(tiles[at : at + per_row]) for at in range(0, len(tiles), per_row)]
    return np.asarray(np.vstack(rows), np.uint8)


def speed(settings: DetectSettings) -> str:
    """Median times for a 1280×720 frame on one thread: the network alone, and all of `detect`.

    The thumbnail is a plain resize of the frame; a decoder's own scaler may be faster or slower.
    """
    weights = Weights(MODELS_FOLDER)
    session = weights.session(MODEL)
    side = int(session.get_inputs()[0].shape[1])
    bgr = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)
    cv2.fillPoly(bgr, [np.array([[300, 120], [980, 150], [960, 610], [320, 590]])], (210, 205, 200))
    luma = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)

    def colour(width_px: int | None) -> ImageU8:
        size = (width_px or 1280, round(720 * (width_px or 1280) / 1280))
        return np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_LINEAR), np.uint8)

    frame = Frame(index=0, pts_ms=0.0, received_ms=0.0, luma=luma, colour=colour)
    detector = CornerDetector.load(settings.model_copy(update={"min_confidence": 0.0}), weights)
    picture = np.zeros((1, side, side, 3), np.uint8)
    network = _median_ms(lambda: session.run(None, {"picture": picture}))
    everything = _median_ms(lambda: detector.detect(frame))
    return f"720p, one thread: network {network:.1f} ms, detect {everything:.1f} ms"


def _median_ms(call: Callable[[], object]) -> float:
    times = []
    for _ in range(60):
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1000)
    return float(np.median(times))


def function_at(path: str) -> Detect:
    """`package.module:function`. Raises ImportError, AttributeError."""
    module, _colon, name = path.partition(":")
    detect: Detect = getattr(importlib.import_module(module), name)
    return detect


def main() -> None:
    """Command line: the folder, other detectors by function path, the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--detector", action="append", default=[], help="package.module:function")
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    ours = CornerDetector.load(DetectSettings(), Weights(MODELS_FOLDER))
    detectors: dict[str, Detect] = {"corner network": ours.corners, "contour scanner": scan}
    detectors |= {path: function_at(path) for path in options.detector}
    pictures = read_folder(options.folder)
    columns = []
    for name, detect in detectors.items():
        columns.append(ask(detect, pictures))
        print(table(name, columns[-1]))
    print(speed(DetectSettings()))
    if options.sheet:
        cv2.imwrite(str(options.sheet), contact_sheet(columns))


if __name__ == "__main__":
    main()
