"""What a field's widget draws around its value: a frame, a line below, a ground.

Forms of others have their boxes from their fields, and would lose them with the fields.
"""

from __future__ import annotations

from pypdf.generic import ArrayObject, DictionaryObject

_FILL = {1: "g", 3: "rg", 4: "k"}
_STROKE = {1: "G", 3: "RG", 4: "K"}
"""Operators by how many numbers a colour has (ISO 32000-1, table 189); none is transparent."""
_HIDDEN, _NO_VIEW = 1 << 1, 1 << 5


def frame(annotation: DictionaryObject, origin: tuple[float, float] = (0.0, 0.0)) -> bytes:
    """Operators in the page's user space for a widget's /MK and /BS (ISO 32000-1, 12.5.6.19 and
    12.5.4), less ``origin``; empty for one that shows neither frame nor ground."""
    flags = annotation.get("/F", 0)
    looks, sides = _of(annotation, "/MK"), annotation.get("/Rect", ArrayObject()).get_object()
    if not isinstance(looks, DictionaryObject) or len(sides) != 4:
        return b""
    if isinstance(flags, int) and flags & (_HIDDEN | _NO_VIEW):
        return b""
    left, right = sorted(float(side) - origin[0] for side in sides[0::2])
    bottom, top = sorted(float(side) - origin[1] for side in sides[1::2])
    drawn = []
    if ground := _colour(looks, "/BG", _FILL):
        drawn.append(f"{ground} {left:.2f} {bottom:.2f} {right - left:.2f} {top - bottom:.2f} re f")
    style = _of(annotation, "/BS") or DictionaryObject()
    width = float(style.get("/W", 1))
    if width > 0 and (line := _colour(looks, "/BC", _STROKE)):
        drawn.append(f"{line} {width:.2f} w{_dashes(style)}")
        inset, low = width / 2, bottom + width / 2
        if style.get("/S") == "/U":
            drawn.append(f"{left:.2f} {low:.2f} m {right:.2f} {low:.2f} l S")
        else:
            across, up = right - left - width, top - bottom - width
            drawn.append(f"{left + inset:.2f} {low:.2f} {across:.2f} {up:.2f} re S")
    return f"q {' '.join(drawn)} Q".encode("ascii") if drawn else b""


def _of(annotation: DictionaryObject, key: str) -> DictionaryObject | None:
    found = annotation.get(key)
    found = found.get_object() if found is not None else None
    return found if isinstance(found, DictionaryObject) else None


def _colour(looks: DictionaryObject, key: str, operators: dict[int, str]) -> str:
    parts = looks.get(key)
    parts = parts.get_object() if parts is not None else ()
    operator = operators.get(len(parts))
    return f"{' '.join(f'{float(part):.3f}' for part in parts)} {operator}" if operator else ""


def _dashes(style: DictionaryObject) -> str:
    if style.get("/S") != "/D":
        return ""
    told = style.get("/D")
    lengths = [float(length) for length in told.get_object()] if told is not None else [3.0]
    return f" [{' '.join(f'{length:.2f}' for length in lengths)}] 0 d"
