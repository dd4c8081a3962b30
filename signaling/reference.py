"""All settings and metrics: ``python -m signaling.reference`` writes ``docs/reference.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from core.metrics import Metrics
from core.settings import Settings

_HEAD = """# Reference

Every setting and every metric, made from `core/settings.py`, `core/sections.py`, `core/auth.py` and
`core/metrics.py` by `make schema`; a test fails when this page and the code differ.

## Settings

A name is an option, `--media.udp-ports 50000-50099`, and a variable of the environment or of
`.env`, `LOBBYLENS_MEDIA__UDP_PORTS`. `true` and `false` are said by `--media.rest` and
`--no-media.rest`. Secrets belong in the environment: `ps` shows options to everybody.
"""
_METRICS = """
## Metrics

At `/metrics`, in the text format of Prometheus, beside those of the process (`process_…`) and of
Python (`python_info`). A histogram's samples end in `_bucket`, `_count` and `_sum`; beside it and
beside a counter a gauge ends in `_created`, which tells since when it counts (Unix time). With
several workers each has the label `worker`. What to look at first:
[deployment.md](deployment.md#under-load).

| metric | kind | labels | |
|---|---|---|---|
"""
_TABLE = "| name | default | allowed | |\n|---|---|---|---|\n"
_BOUNDS = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))


def settings_of(section: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, FieldInfo]]:
    """Each setting's section (``media``; the server's own have an empty one), its full name as an
    option, and its field."""
    for name, field in section.model_fields.items():
        full = prefix + name.replace("_", "-")
        within = field.annotation
        if isinstance(within, type) and issubclass(within, BaseModel):
            yield from settings_of(within, f"{full}.")
        else:
            yield prefix.removesuffix("."), full, field


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None or value == [] or value == "":
        return ""
    if isinstance(value, bool):
        return f"`{value}`".lower()
    return f"`{value:.4g}`" if isinstance(value, float) else f"`{value}`"


def _bounds(metadata: list[Any]) -> Iterator[str]:
    for rule in metadata:
        for name, sign in _BOUNDS:
            if (bound := getattr(rule, name, None)) is not None:
                yield f"{sign} {bound}"


def _allowed(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    return ", ".join(_bounds(field.metadata))


def _row(*cells: str) -> str:
    return "".join(f"| {cell.replace('|', chr(92) + '|')} " for cell in cells) + "|\n"


def _settings() -> Iterator[str]:
    before: str | None = None
    for section, name, field in settings_of(Settings):
        if section != before:
            yield f"\n### {section or 'the server'}\n\n{_TABLE}"
            before = section
        yield _row(f"`{name}`", _default(field), _allowed(field), field.description or "")


def _metrics() -> Iterator[str]:
    for name, metric in vars(Metrics()).items():
        if name != "registry":
            (family,) = metric.describe()
            full = f"{family.name}_total" if family.type == "counter" else family.name
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)
            yield _row(f"`{full}`", family.type, labels, family.documentation)


def reference() -> str:
    """The page, Markdown."""
    return "".join([_HEAD, *_settings(), _METRICS, *_metrics()])


def main() -> None:
    """Write the page to the file named on the command line."""
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference.md").write_text(reference())


if __name__ == "__main__":
    main()
