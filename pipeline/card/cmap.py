"""ToUnicode CMaps: what a reader copies and searches of a page's glyphs (ISO 32000-1, 9.10.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

_SECTION = 100
"""Entries that a section holds at most."""
_HEAD = (
    "/CIDInit /ProcSet findresource begin",
    "12 dict begin",
    "begincmap",
    "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
    "/CMapName /Adobe-Identity-UCS def",
    "/CMapType 2 def",
    "1 begincodespacerange",
    "<0000> <FFFF>",
    "endcodespacerange",
)
_FOOT = ("endcmap", "CMapName currentdict /CMap defineresource pop", "end", "end")


def of_texts(texts: Mapping[int, str]) -> bytes:
    """From each two-byte code to the text that its glyph stands for."""
    pairs = sorted(texts.items())
    return _cmap(
        "bfchar",
        [f"<{code:04X}> <{text.encode('utf-16-be').hex().upper()}>" for code, text in pairs],
    )


def of_code_points(runs: Iterable[tuple[int, int]]) -> bytes:
    """From each code to the code point of the same number, in runs that keep their high byte."""
    return _cmap("bfrange", [f"<{first:04X}> <{last:04X}> <{first:04X}>" for first, last in runs])


def _cmap(kind: str, entries: Sequence[str]) -> bytes:
    lines = list(_HEAD)
    for start in range(0, len(entries), _SECTION):
        section = entries[start : start + _SECTION]
        lines += [f"{len(section)} begin{kind}", *section, f"end{kind}"]
    return "\n".join((*lines, *_FOOT)).encode("ascii")
