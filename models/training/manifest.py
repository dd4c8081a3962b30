"""Notes a model's file and checksum in the manifest that the server reads."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

MANIFEST = Path("models/manifest.toml")


def note_checksum(manifest: Path, name: str, file: Path, origin: str) -> str:
    """Replace or add table `name` in the manifest; returns the file's SHA-256.

    The file lies in the manifest's folder or below.
    """
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    table = (
        f"[{name}]\n"
        f'file = "{file.relative_to(manifest.parent).as_posix()}"\n'
        f'sha256 = "{digest}"\n'
        'licence = "MIT"\n'
        f'origin = "{origin}"\n'
    )
    text = manifest.read_text(encoding="utf-8") if manifest.exists() else ""
    found = re.compile(rf"^\[{re.escape(name)}\]\n(?:(?!\[).*\n?)*", re.MULTILINE)
    if found.search(text):
        text = found.sub(lambda _match: table + "\n", text, count=1)
    else:
        text = f"{text.rstrip()}\n\n{table}" if text.strip() else table
    manifest.write_text(text.rstrip() + "\n", encoding="utf-8")
    return digest
