"""tesserocr looks for language data in the working directory: its folder is always given."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from core.settings import MrzSettings
from pipeline.mrz.tesseract import TesseractReader

ROOT = Path(__file__).resolve().parents[2]
LOADING = {"PyTessBaseAPI", "image_to_text", "file_to_text", "get_languages", "Init"}
"""What of tesserocr opens language data."""


def calls() -> list[tuple[str, ast.Call]]:
    """Every call in the project's own files that opens language data, with its file's name."""
    folders = ("benchmarks", "core", "media", "models", "pipeline", "signaling", "tests")
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]
    sources = [(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")) for file in files]
    return [
        (name, node)
        for name, text in sources
        if "tesserocr" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in LOADING
    ]


def test_every_use_of_tesserocr_names_its_folder() -> None:
    found = calls()
    assert any(name == "pipeline/mrz/tesseract.py" for name, _ in found)
    without = [
        f"{name}:{call.lineno}"
        for name, call in found
        if "path" not in {keyword.arg for keyword in call.keywords}
    ]
    assert without == []


def test_the_working_directory_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a file of the right name that is no language data, and with a setting elsewhere."""
    (tmp_path / "eng.traineddata").write_bytes(b"no language data")
    (tmp_path / "mrz.traineddata").write_bytes(b"no language data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    settings = MrzSettings()
    TesseractReader(settings.tessdata, settings.language)
    TesseractReader.load(settings, ROOT / "models")
