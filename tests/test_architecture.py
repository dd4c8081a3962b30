"""Who may import whom, and other promises about the shape of the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {
    "core": {"core"},
    "pipeline": {"pipeline", "core"},
    "media": {"media", "pipeline", "core"},
    "signaling": {"signaling", "media", "core"},
}
FORBIDDEN = {
    "core": {"aiortc", "av", "cv2", "onnxruntime", "tesserocr"},
    "pipeline": {"asyncio", "aiohttp", "aiortc", "aioice", "av", "torch"},
    "media": {"aiohttp", "cv2", "onnxruntime", "tesserocr", "torch"},
    "signaling": {"cv2", "onnxruntime", "tesserocr", "av", "torch"},
}
SOURCES = sorted(path for layer in ALLOWED for path in (ROOT / layer).rglob("*.py"))


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    found = imports(path)
    ours = found & {*ALLOWED, "server", "tests", "examples", "benchmarks", "models"}
    assert ours <= ALLOWED[layer]
    assert not found & FORBIDDEN[layer]


def test_in_core_only_http_knows_aiohttp() -> None:
    users = {path.name for path in (ROOT / "core").glob("*.py") if "aiohttp" in imports(path)}
    assert users == {"http.py"}
    assert len(list((ROOT / "core").glob("[!_]*.py"))) <= 7


def test_the_top_level_is_the_owners() -> None:
    known = {
        "server.py", "core", "signaling", "media", "pipeline", "static", "models", "templates",
        "tests", "benchmarks", "examples", "docs", "out", "pyproject.toml", "Dockerfile",
        "README.md", "CHANGELOG.md", "LICENSE", "Makefile", "requirements.txt",
        "requirements-dev.txt", "requirements-train.txt",
    }  # fmt: skip
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith((".", "__"))}
    assert found <= known


def test_no_file_has_grown_beyond_one_idea() -> None:
    long = [
        str(path.relative_to(ROOT))
        for path in [*SOURCES, ROOT / "server.py"]
        if len(path.read_text().splitlines()) > 400
    ]
    assert not long


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_unfinished_or_swallowed(path: Path) -> None:
    text = path.read_text()
    # These words stand here as what is looked for, not as work left.
    assert not re.search(r"TODO|FIXME|NotImplementedError|\bprint\(", text)
    assert "except:" not in text
