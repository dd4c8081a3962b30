"""The models folder: a manifest with checksums, and inference sessions of its networks.

`models/manifest.toml` names a file, its SHA-256, origin and licence for every network. A file is
used only when its checksum fits: a truncated download or a swapped file must not answer.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime

from core.errors import ModelNotFound

MODELS_FOLDER = Path(__file__).resolve().parent.parent / "models"
MANIFEST_NAME = "manifest.toml"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One network of the manifest. ``sha256`` is 64 lower-case hexadecimal digits."""

    name: str
    path: Path
    sha256: str
    licence: str
    origin: str


class Weights:
    """Reads a models folder. Sessions are made on request and not kept: the caller owns them."""

    def __init__(self, folder: Path = MODELS_FOLDER) -> None:
        """Raises ModelNotFound when the manifest is missing or cannot be understood."""
        self._entries = _read_manifest(folder)

    def entry(self, name: str) -> ModelEntry:
        """The manifest's entry. Raises ModelNotFound for a name it does not hold."""
        try:
            return self._entries[name]
        except KeyError:
            known = ", ".join(sorted(self._entries)) or "none"
            raise ModelNotFound(
                f"No model named {name!r} in {MANIFEST_NAME} (known: {known}). "
                "Use the models folder that belongs to this version."
            ) from None

    def folder_of(self, name: str) -> Path:
        """The folder of a file that another library opens by itself, once its checksum fits.

        Raises ModelNotFound where the manifest does not name it, or the file is another.
        """
        entry = self.entry(name)
        _verified(entry)
        return entry.path.parent

    def session(self, name: str) -> onnxruntime.InferenceSession:
        """A session of the network: one thread, no spinning, CPU.

        With onnxruntime's default threads a 3 ms model takes ten times that much processor time,
        which would be taken from other sessions. Raises ModelNotFound when the file is missing,
        is not the one the manifest means, or cannot be loaded.
        """
        entry = self.entry(name)
        data = _verified(entry)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as failure:  # onnxruntime has no common base class for its errors
            raise ModelNotFound(
                f"{entry.path.name} has the right checksum but does not load: the installed "
                "onnxruntime is too old for it. Install the version in requirements.txt."
            ) from failure


def sha256_of(data: bytes) -> str:
    """SHA-256 in lower-case hexadecimal, as the manifest holds it."""
    return hashlib.sha256(data).hexdigest()


def _read_manifest(folder: Path) -> dict[str, ModelEntry]:
    path = folder / MANIFEST_NAME
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return {
            name: ModelEntry(
                name=name,
                path=folder / str(table["file"]),
                sha256=str(table["sha256"]).lower(),
                licence=str(table["licence"]),
                origin=str(table["origin"]),
            )
            for name, table in tables.items()
        }
    except OSError as failure:
        raise ModelNotFound(
            f"No {MANIFEST_NAME} in {folder}. Copy the models folder that belongs to this "
            "version, or train the models as models/README.md says."
        ) from failure
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError) as failure:
        raise ModelNotFound(
            f"{path} is no valid manifest: {failure}. Restore it from the release."
        ) from failure


def _verified(entry: ModelEntry) -> bytes:
    try:
        data = entry.path.read_bytes()
    except OSError as failure:
        raise ModelNotFound(
            f"Model file {entry.path} is missing. Copy the models folder that belongs to this "
            "version, or train the model as models/README.md says."
        ) from failure
    if sha256_of(data) != entry.sha256:
        raise ModelNotFound(
            f"Model file {entry.path} is not the one {MANIFEST_NAME} names: its checksum differs. "
            "Copy it again from the release; after training, export writes the new checksum."
        )
    return data
