"""Scores the exported detector: on composed scenes never trained on, or on a folder of pictures.

`python -m models.training.evaluate_corners` composes 1000 validation scenes on first use, of the
size of those that train; with `--frame-px 440` the same larger, so that the detector's second look
sees more than the first, as it does in a camera's frame.
`python -m models.training.evaluate_corners --folder FOLDER` reads FOLDER/truth.json: images with
`file`, `kind` and `corners` (4×2 pixels; null in negatives). It needs no torch.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from core.settings import DetectSettings
from models.training.backgrounds import load_assets, part_of
from models.training.dataset import finished, read_shard, write_shard
from models.training.drawing import Pixels
from models.training.fetch_assets import ASSETS
from models.training.placing import Quad
from models.training.scenes import FRAME_PX, VALIDATION_FACES
from pipeline.detect import CornerDetector
from pipeline.geometry import aligned_to, iou
from pipeline.weights import MODELS_FOLDER, Weights

VALIDATION = Path(".cache/train/validation")
_SCENES = 1000


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture with its truth: `quad` 4×2 pixels, None in a negative.

    upright: whether `quad` begins at the document's own top-left and print tells which that is.
    band: 4×2 pixels, the machine-readable zone's print; None where there is none or nobody knows.
    """

    name: str
    kind: str
    image: Pixels
    quad: Quad | None
    upright: bool = False
    band: Quad | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What the detector said: `iou` 0 to 1 (0 where it missed), None in a negative.

    first_right: whether the first corner is the document's own top-left; None where that cannot
    be told.
    band: IoU of the zone with the truth, 0 where it was not found in a document that was; None
    where the truth has no zone. false_band: a zone was seen in a document without one.
    """

    sample: Sample
    iou: float | None
    found: bool
    confidence: float
    milliseconds: float
    first_right: bool | None
    band: float | None = None
    false_band: bool | None = None


def composed(folder: Path, assets: Path, frame_px: int = FRAME_PX) -> Iterator[Sample]:
    """The validation scenes, composed into `folder` where it is empty."""
    if not list(finished(folder)):
        pictures = part_of(load_assets(assets), True)
        write_shard(folder, 0, _SCENES, pictures, VALIDATION_FACES, frame_px)
    for index in finished(folder):
        shard = read_shard(folder, index)
        for place in range(len(shard)):
            scene = shard.scene(place)
            quad = scene.quad * scene.image.shape[0] if scene.present else None
            kind = ("td1", "td2", "td3", "other")[scene.kind] if scene.present else "negative"
            if quad is not None and ((scene.quad < 0) | (scene.quad > 1)).any():
                kind = "cut"
            size = scene.image.shape[0]
            band = scene.band * size if scene.band.any() else None
            image = np.asarray(scene.image)
            yield Sample(f"{index}/{place}", kind, image, quad, scene.upright, band)


def pictured(folder: Path) -> Iterator[Sample]:
    """The pictures of a folder with truth.json; partial ones are left out."""
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    for entry in truth["images"]:
        if entry["kind"].startswith("partial"):
            continue
        image = cv2.imread(str(folder / entry["file"]), cv2.IMREAD_COLOR)
        if image is None:
            raise FileNotFoundError(folder / entry["file"])
        corners = entry["corners"]
        quad = np.array(corners, np.float32) if corners else None
        yield Sample(entry["file"], entry["kind"], np.asarray(image, np.uint8), quad)


def measure(detector: CornerDetector, samples: Iterator[Sample]) -> list[Result]:
    """Run the detector over all samples."""
    results = []
    for sample in samples:
        began = time.perf_counter()
        seen = detector.find(sample.image)
        spent = (time.perf_counter() - began) * 1000
        found = None if seen is None else (seen.quad_px, seen.confidence)
        score: float | None = None
        if sample.quad is not None:
            score = iou(found[0], sample.quad) if found else 0.0
        right: bool | None = None
        if found and sample.quad is not None and sample.upright and score and score > 0.6:
            right = bool(np.array_equal(aligned_to(found[0], sample.quad), found[0]))
        confidence = found[1] if found else 0.0
        band: float | None = None
        false_band: bool | None = None
        if seen is not None and score and score > 0.6:
            zone = seen.mrz_quad_px
            if sample.band is not None:
                band = 0.0 if zone is None else iou(zone, sample.band)
            elif sample.kind != "cut":
                false_band = zone is not None
        results.append(
            Result(sample, score, found is not None, confidence, spent, right, band, false_band)
        )
    return results


def report(results: list[Result]) -> str:
    """The scores as text: one line for all, one per kind."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[result.sample.kind].append(result)
    lines = [_line("all", results)]
    lines += [_line(kind, members) for kind, members in sorted(groups.items())]
    pairs = [(r.confidence, r.iou) for r in results if r.iou is not None and r.found]
    if len(pairs) > 2:
        related = float(np.corrcoef(np.array(pairs).T)[0, 1])
        lines.append(f"confidence and IoU of found documents correlate {related:.2f}")
    turns = [r.first_right for r in results if r.first_right is not None]
    if turns:
        lines.append(f"first corner is the document's own top-left in {np.mean(turns):.3f}")
    bands = np.array([r.band for r in results if r.band is not None])
    without = [r.false_band for r in results if r.false_band is not None]
    if len(bands) and without:
        lines.append(
            f"zone: mean IoU {bands.mean():.3f}  >.50 {(bands > 0.5).mean():.3f}  "
            f"missed {(bands == 0).mean():.3f} of {len(bands)}; "
            f"seen where there is none {np.mean(without):.3f} of {len(without)}"
        )
    return "\n".join(lines)


def _line(name: str, results: list[Result]) -> str:
    scores = np.array([r.iou for r in results if r.iou is not None])
    empty = [r for r in results if r.iou is None]
    parts = [f"{name:<14} {len(results):>5}"]
    if len(scores):
        parts.append(
            f"mean IoU {scores.mean():.3f}  >.90 {(scores > 0.9).mean():.3f}  "
            f">.95 {(scores > 0.95).mean():.3f}  missed {(scores == 0).mean():.3f}"
        )
    if empty:
        parts.append(f"false positives {np.mean([r.found for r in empty]):.3f}")
    parts.append(f"median {np.median([r.milliseconds for r in results]):.1f} ms")
    return "  ".join(parts)


def main() -> None:
    """Command line: composed scenes or a folder; optionally another threshold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="pictures with truth.json")
    parser.add_argument("--validation", type=Path, help="folder of the composed scenes")
    parser.add_argument("--frame-px", type=int, default=FRAME_PX, help="side of a composed scene")
    parser.add_argument("--assets", type=Path, default=ASSETS)
    parser.add_argument("--models", type=Path, default=MODELS_FOLDER)
    parser.add_argument("--min-confidence", type=float)
    parser.add_argument("--each", action="store_true", help="one line per picture")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    settings = DetectSettings()
    if options.min_confidence is not None:
        settings = DetectSettings(min_confidence=options.min_confidence)
    detector = CornerDetector.load(settings, Weights(options.models))
    folder: Path | None = options.folder
    size_px: int = options.frame_px
    own = VALIDATION if size_px == FRAME_PX else VALIDATION.with_name(f"validation-{size_px}")
    scenes: Path = options.validation or own
    samples = pictured(folder) if folder else composed(scenes, options.assets, size_px)
    results = measure(detector, samples)
    if options.each:
        for r in results:
            print(f"{r.sample.name:<22} {r.sample.kind:<16} IoU {r.iou}  {r.confidence:.2f}")
    print(report(results))


if __name__ == "__main__":
    main()
