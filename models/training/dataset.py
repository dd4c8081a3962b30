"""Scenes on disk: composed once, in shards, while training already runs on the first of them.

`python -m models.training.dataset --shards 30` composes into `.cache/train/scenes`. A shard is
`NNNNN.images.npy` (N×220×220×3 uint8 BGR, memory-mapped when read) beside `NNNNN.truth.npz`; it
appears under its name only when complete, so it can be read while others are being composed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.backgrounds import Assets, load_assets, part_of
from models.training.drawing import Pixels
from models.training.fetch_assets import ASSETS
from models.training.placing import Quad
from models.training.scenes import (
    FRAME_PX,
    TRAINING_FACES,
    VALIDATION_FACES,
    FacePool,
    Scene,
    compose,
)

SCENES = Path(".cache/train/scenes")
SHARD_SCENES = 2000


@dataclass(frozen=True, slots=True)
class Shard:
    """Scenes of one file; arrays share the first axis and mean what `Scene` says."""

    images: Pixels
    quads: NDArray[np.float32]
    present: NDArray[np.bool_]
    kinds: NDArray[np.int8]
    upright: NDArray[np.bool_]
    bands: NDArray[np.float32]

    def scene(self, index: int) -> Scene:
        """The scene at `index`, its image still a view of the file."""
        quad: Quad = self.quads[index]
        return Scene(
            self.images[index],
            quad,
            bool(self.present[index]),
            int(self.kinds[index]),
            bool(self.upright[index]),
            self.bands[index],
        )

    def __len__(self) -> int:
        return len(self.present)


def write_shard(
    folder: Path,
    index: int,
    count: int,
    assets: Assets,
    faces: FacePool,
    frame_px: int = FRAME_PX,
) -> None:
    """Compose `count` scenes with seeds index·SHARD_SCENES on; an existing shard is kept."""
    images_path = folder / f"{index:05d}.images.npy"
    truth_path = folder / f"{index:05d}.truth.npz"
    if truth_path.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    shape = (count, frame_px, frame_px, 3)
    images = np.lib.format.open_memmap(images_path, "w+", np.uint8, shape)
    scenes: list[Scene] = []
    for place in range(count):
        scene = compose(index * SHARD_SCENES + place, assets, faces, frame_px)
        images[place] = scene.image
        scenes.append(scene)
    images.flush()
    unfinished = truth_path.with_suffix(".part.npz")
    np.savez(
        unfinished,
        quads=np.stack([scene.quad for scene in scenes]),
        present=np.array([scene.present for scene in scenes]),
        kinds=np.array([scene.kind for scene in scenes], np.int8),
        upright=np.array([scene.upright for scene in scenes]),
        bands=np.stack([scene.band for scene in scenes]),
    )
    unfinished.replace(truth_path)


def read_shard(folder: Path, index: int) -> Shard:
    """Open a finished shard. Raises FileNotFoundError where it does not exist."""
    truth = np.load(folder / f"{index:05d}.truth.npz")
    images = np.load(folder / f"{index:05d}.images.npy", mmap_mode="r")
    parts = (truth[name] for name in ("quads", "present", "kinds", "upright", "bands"))
    return Shard(images, *parts)


def finished(folder: Path) -> Iterator[int]:
    """Numbers of the complete shards in a folder, ascending."""
    for path in sorted(folder.glob("[0-9]*.truth.npz")):
        if ".part." not in path.name:
            yield int(path.name.split(".")[0])


def main() -> None:
    """Command line: compose shards, training or validation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=SCENES)
    parser.add_argument("--assets", type=Path, default=ASSETS)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--shards", type=int, default=30)
    parser.add_argument("--scenes", type=int, default=SHARD_SCENES, help="per shard")
    parser.add_argument(
        "--validation", action="store_true", help="faces and backgrounds never trained on"
    )
    options = parser.parse_args()
    cv2.setNumThreads(1)
    assets = part_of(load_assets(options.assets), options.validation)
    faces = VALIDATION_FACES if options.validation else TRAINING_FACES
    for index in range(options.first, options.first + options.shards):
        began = time.monotonic()
        write_shard(options.folder, index, options.scenes, assets, faces.part(index))
        print(f"shard {index}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
