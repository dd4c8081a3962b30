"""The models folder: checksums are checked, and every failure says what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.errors import ModelNotFound
from pipeline.weights import MODELS_FOLDER, Weights, sha256_of

_TABLE = '[corners]\nfile = "corners.onnx"\nsha256 = "{}"\nlicence = "MIT"\norigin = "here"\n'


def _folder(tmp_path: Path, data: bytes | None, digest: str) -> Path:
    (tmp_path / "manifest.toml").write_text(_TABLE.format(digest), encoding="utf-8")
    if data is not None:
        (tmp_path / "corners.onnx").write_bytes(data)
    return tmp_path


def test_shipped_models_fit_their_checksums_and_load() -> None:
    session = Weights().session("corners")
    assert [given.name for given in session.get_inputs()] == ["picture"]


def test_session_runs_on_one_thread_without_spinning() -> None:
    options = Weights().session("corners").get_session_options()
    assert options.intra_op_num_threads == 1
    assert options.inter_op_num_threads == 1
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    shutil.copy(MODELS_FOLDER / "manifest.toml", tmp_path)
    data = bytearray((MODELS_FOLDER / "corners.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "corners.onnx").write_bytes(data)
    with pytest.raises(ModelNotFound, match="checksum differs"):
        Weights(tmp_path).session("corners")


def test_a_missing_file_says_where_it_was_expected(tmp_path: Path) -> None:
    folder = _folder(tmp_path, None, "0" * 64)
    with pytest.raises(ModelNotFound, match="is missing") as failure:
        Weights(folder).session("corners")
    assert str(folder / "corners.onnx") in failure.value.message


def test_a_file_with_the_right_checksum_that_is_no_network(tmp_path: Path) -> None:
    folder = _folder(tmp_path, b"nothing", sha256_of(b"nothing"))
    with pytest.raises(ModelNotFound, match="does not load"):
        Weights(folder).session("corners")


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="known: corners"):
        Weights(_folder(tmp_path, None, "0" * 64)).entry("faces")


def test_a_missing_manifest(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"No manifest\.toml"):
        Weights(tmp_path)


@pytest.mark.parametrize("text", ["[corners", "[corners]\nfile = 'a'\n", "corners = 3\n", "\x00"])
def test_a_manifest_that_says_nothing_useful(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ModelNotFound, match="no valid manifest"):
        Weights(tmp_path)


def test_a_manifest_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ModelNotFound, match="no valid manifest"):
        Weights(tmp_path)
