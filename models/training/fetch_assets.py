"""Fetch photographs, textures and cut-out objects from Debian packages for the backgrounds.

`python -m models.training.fetch_assets` downloads the packages named below with apt-get, unpacks
them under `.cache/train/packages` and writes small JPEG and PNG copies to `.cache/train/assets`.
Nothing of them is committed or shipped; licences are listed in `models/README.md`. Without this
step scenes are composed from drawn backgrounds alone.
"""

from __future__ import annotations

import argparse
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from models.training.drawing import Pixels

ASSETS = Path(".cache/train/assets")
PACKAGES = Path(".cache/train/packages")

PHOTO_PACKAGES = (
    "gnome-backgrounds",
    "lomiri-wallpapers",
    "lomiri-wallpapers-16.04",
    "lomiri-wallpapers-20.04",
    "lxqt-themes",
    "mate-backgrounds",
    "plasma-workspace-wallpapers",
    "ukui-wallpapers",
)
TEXTURE_PACKAGES = ("colobot-common-textures", "gimp-data", "supertuxkart-data")
CUTOUT_PACKAGES = ("tuxpaint-stamps-default",)

_PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
# Flat drawings among the cut-outs look like nothing on a desk.
_DRAWN_CUTOUTS = ("symbols", "cartoon", "space", "flags")
# Sheets that a model is wrapped in, windows, and pictures of pages: taught as what lies behind a
# document they would teach that a document is none.
_SHEETS = (
    *("/karts/", "/editor/", "/gui/", "/skins/", "/models/", "/interface", "/icons", "/grandprix"),
    *("flag", "book", "map", "menu", "paper", "poster", "banner", "board", "sign", "paint"),
    *("screen", "text_", "logo", "crate", "label", "card", "page", "letter", "panel", "window"),
)
_FLAT_SHARE = 0.15
"""Of a picture in one colour exactly, from which it is drawn, not photographed."""


def _download(package: str, into: Path) -> Path:
    """Unpack a package's files; returns the folder. Raises CalledProcessError without network."""
    folder = into / package
    if folder.exists():
        return folder
    into.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", package], cwd=into, check=True)
    archive = next(into.glob(f"{package}_*.deb"))
    subprocess.run(["dpkg", "-x", archive.name, package], cwd=into, check=True)
    archive.unlink()
    return folder


def _pattern(path: Path) -> Pixels | None:
    """Read a GIMP pattern (.pat, version 1) as H×W×3 BGR, tiled up to 512 pixels."""
    data = path.read_bytes()
    header, _version, width, height, depth, _magic = struct.unpack(">6I", data[:24])
    if min(width, height) < 60:
        return None
    flat = np.frombuffer(data[header:], np.uint8)[: width * height * depth]
    image = flat.reshape(height, width, depth)
    image = np.repeat(image[..., :1], 3, 2) if depth < 3 else image[..., 2::-1]
    repeat = -(-512 // min(width, height))
    return np.ascontiguousarray(np.tile(image, (repeat, repeat, 1))[:512, :512])


def _pictures(folder: Path) -> Iterator[tuple[Path, Pixels]]:
    """Pictures of a package, one per wallpaper where it brings several sizes."""
    seen: set[str] = set()
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".pat":
            image = _pattern(path)
        elif path.suffix.lower() in _PICTURES and path.is_file():
            family = str(path).split("/contents/")[0]
            if family in seen or "screenshot" in path.name:
                continue
            read = cv2.imread(str(path), cv2.IMREAD_COLOR)
            image = None if read is None else np.asarray(read, np.uint8)
            if image is not None and "/contents/" in str(path) and min(image.shape[:2]) >= 400:
                seen.add(family)
        else:
            continue
        if image is not None:
            yield path, image


def _is_scenery(path: Path, image: Pixels) -> bool:
    """Whether a texture could be a surface: no sheet of parts, no drawing, no map of normals."""
    name = str(path).lower()
    if any(part in name for part in _SHEETS):
        return False
    coarse = (image >> 2).reshape(-1, 3).astype(np.int64) @ (4096, 64, 1)
    if np.unique(coarse, return_counts=True)[1].max() > _FLAT_SHARE * len(coarse):
        return False
    # Normals point out of the surface: half red, half green, all blue.
    blue, green, red = image.reshape(-1, 3).mean(0)
    return not (blue > 190 and abs(green - 128) < 25 and abs(red - 128) < 25)


def _shrunk(image: Pixels, longest: int) -> Pixels:
    scale = longest / max(image.shape[:2])
    if scale >= 1:
        return image
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _write_photographs(packages: Path, assets: Path) -> int:
    """Copies of wallpapers and textures; flat pictures and small icons are left out."""
    assets.mkdir(parents=True, exist_ok=True)
    count = 0
    for names, smallest, longest in ((PHOTO_PACKAGES, 400, 900), (TEXTURE_PACKAGES, 250, 512)):
        for name in names:
            for path, image in _pictures(_download(name, packages)):
                if min(image.shape[:2]) < smallest or image.std() < 9:
                    continue
                small = _shrunk(image, longest)
                if names is TEXTURE_PACKAGES and not _is_scenery(path.relative_to(packages), small):
                    continue
                prefix = "photo" if names is PHOTO_PACKAGES else "texture"
                target = assets / f"{prefix}-{count:05d}.jpg"
                cv2.imwrite(str(target), small, [cv2.IMWRITE_JPEG_QUALITY, 92])
                count += 1
    return count


def _write_cutouts(packages: Path, assets: Path) -> int:
    """Objects with an alpha channel, at most 220 pixels."""
    count = 0
    for name in CUTOUT_PACKAGES:
        for path in sorted(_download(name, packages).rglob("*.png")):
            image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            if image is None or image.ndim != 3 or image.shape[2] != 4:
                continue
            if any(part in str(path) for part in _DRAWN_CUTOUTS) or min(image.shape[:2]) < 60:
                continue
            if (image[..., 3] > 200).mean() < 0.1 or image.dtype != np.uint8:
                continue
            target = assets / f"cutout-{count:05d}.png"
            cv2.imwrite(str(target), _shrunk(np.asarray(image, np.uint8), 220))
            count += 1
    return count


def main() -> None:
    """Command line: where packages are unpacked and where the small copies go."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, default=PACKAGES)
    parser.add_argument("--assets", type=Path, default=ASSETS)
    options = parser.parse_args()
    photographs = _write_photographs(options.packages, options.assets)
    cutouts = _write_cutouts(options.packages, options.assets)
    print(f"{photographs} photographs and textures, {cutouts} cut-outs in {options.assets}")


if __name__ == "__main__":
    main()
