"""Parsing zones made at random: they come back, faults are noticed, garbage does no harm."""

from __future__ import annotations

import contextlib
import datetime

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.errors import LobbyLensError
from models.training.mrz_lines import SpecimenFields, compose_lines
from pipeline.mrz.check_digits import ALPHABET
from pipeline.mrz.formats import LAYOUTS
from pipeline.mrz.parse import fields_of, parse_lines
from pipeline.types import CheckResult, MrtdFormat
from tests.pipeline.zones import altered, documents

TODAY = datetime.date(2026, 11, 20)


@given(documents())
def test_composed_zones_parse_back(document: tuple[MrtdFormat, SpecimenFields]) -> None:
    mrtd_format, said = document
    read = parse_lines(compose_lines(mrtd_format, said))
    found = fields_of(read, TODAY)
    assert read.format is mrtd_format
    assert CheckResult.FAIL not in read.check_digits.values()
    for name in (
        "document_code",
        "issuing_state",
        "nationality",
        "primary_identifier",
        "document_number",
    ):
        assert found[name].value == getattr(said, name)
    assert found["secondary_identifier"].value == (said.secondary_identifier or None)
    assert found["optional_data"].value == (said.optional_data or None)
    assert found["sex"].value == said.sex.replace("<", "X")
    for name in ("date_of_birth", "date_of_expiry"):
        value = found[name].value or ""
        known = getattr(said, name).rstrip("<")
        assert value[2:].replace("-", "") == known
        assert found[name].century_inferred is bool(known)


@given(documents(), st.data())
def test_one_wrong_character_never_passes_as_complete_in_covered_digits(
    document: tuple[MrtdFormat, SpecimenFields], draw: st.DataObject
) -> None:
    """Every digit under a check digit is really under it."""
    mrtd_format, said = document
    lines = compose_lines(mrtd_format, said)
    spans = [span for check in LAYOUTS[mrtd_format].check_digits for span in check.over]
    places = [
        (s.line, p) for s in spans for p in range(s.start, s.stop) if lines[s.line][p].isdigit()
    ]
    assume(places)
    line, position = draw.draw(st.sampled_from(places))
    other = draw.draw(st.sampled_from([d for d in "0123456789" if d != lines[line][position]]))
    read = parse_lines(altered(lines, line, position, other))
    assert CheckResult.FAIL in read.check_digits.values()


@settings(max_examples=300)
@given(st.lists(st.text(ALPHABET + " ab\n\x00é", max_size=60), max_size=5))
def test_random_text_raises_nothing_but_our_errors(lines: list[str]) -> None:
    try:
        read = parse_lines(lines)
    except LobbyLensError:
        return
    assert set(fields_of(read, TODAY)) >= {"primary_identifier", "document_number", "sex"}


@given(documents(), st.data())
def test_truncations_and_garbled_zones(
    document: tuple[MrtdFormat, SpecimenFields], draw: st.DataObject
) -> None:
    lines = list(compose_lines(*document))
    line = draw.draw(st.integers(0, len(lines) - 1))
    lines[line] = lines[line][: draw.draw(st.integers(0, len(lines[line])))]
    noise = draw.draw(st.text(ALPHABET, max_size=6))
    lines[line] = noise + lines[line][len(noise) :]
    with contextlib.suppress(LobbyLensError):
        fields_of(parse_lines(lines), TODAY)
