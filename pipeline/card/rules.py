"""What a card asks for, what it must not hold, how long it may be kept, and which law says so.

``rules.json`` beside the form. The rules are this project's reading of the texts that they name,
no legal advice: each card says "have counsel confirm".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ConfigDict, with_config

from core.errors import DocumentFillingError
from pipeline.card.reading import read_json


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class Retention:
    """How long a filled card is kept: ``days`` from ``since``, then ``destroy_within_days``.

    None where the law sets no time. ``source`` names the place in the law.
    """

    since: str
    source: str
    days: int | None = None
    destroy_within_days: int | None = None


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class Refusal:
    """Values of a field for which this card is the wrong one, and why."""

    values: tuple[str, ...]
    because: str


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class CardRules:
    """All names are JSON names. ``sources`` tells for each field which text asks for it,
    ``read_against`` what these rules were compared with: an address, and what was seen there."""

    required: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    law: str = ""
    counsel: str = ""
    retention: Retention | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    read_against: Mapping[str, str] = field(default_factory=dict)

    def check(self, fields: Mapping[str, str]) -> None:
        """Raises DocumentFillingError naming the first field that breaks a rule, never a value."""
        given = {name for name, value in fields.items() if value.strip()}
        for name in sorted(given & self.forbidden):
            raise DocumentFillingError(f"{name} must not be recorded on this card", field=name)
        for name, refusal in self.refused.items():
            if fields.get(name, "").strip().upper() in refusal.values:
                raise DocumentFillingError(f"{name}: {refusal.because}", field=name)
        for name in sorted(self.required - given):
            raise DocumentFillingError(f"{name} is required on the card and missing", field=name)


def load_rules(path: Path) -> CardRules:
    """Read a rules file. Raises SettingsError that says what is wrong with it."""
    return read_json(CardRules, path, "the card rules")
