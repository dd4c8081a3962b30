"""Decoding under constraints: what is substituted, and what is left as printed."""

from __future__ import annotations

import numpy as np
import pytest

from models.training.mrz_lines import DEFAULT_FIELDS, compose_lines
from pipeline.mrz.check_digits import ALPHABET, check_digit
from pipeline.mrz.decode import Decoded, decode, starts_well
from pipeline.mrz.formats import FRENCH_CARD, LAYOUTS
from pipeline.mrz.fuse import ZoneScores, fuse, same_zone
from pipeline.mrz.recognize import INDEX, log_softmax, text_of
from pipeline.types import MrtdFormat

TD3 = compose_lines(MrtdFormat.TD3, DEFAULT_FIELDS[MrtdFormat.TD3])
NATS = 20.0


def scores(
    lines: tuple[str, ...], doubts: dict[tuple[int, int], tuple[str, float]] | None = None
) -> ZoneScores:
    """Clear scores for ``lines``; ``doubts`` gives a place a second reading, nats behind."""
    rows = []
    for number, line in enumerate(lines):
        logits = np.zeros((len(line), len(ALPHABET)), np.float32)
        for place, character in enumerate(line):
            logits[place, INDEX[character]] = NATS
            if doubts and (number, place) in doubts:
                other, gap = doubts[number, place]
                logits[place, INDEX[other]] = NATS - gap
        rows.append(log_softmax(logits))
    return tuple(rows)


def decoded(lines: tuple[str, ...], doubts: dict[tuple[int, int], tuple[str, float]]) -> Decoded:
    found = decode(scores(lines, doubts))
    assert found is not None
    return found


def printed(line: int, position: int, character: str) -> tuple[str, ...]:
    row = TD3[line]
    return tuple(
        row[:position] + character + row[position + 1 :] if number == line else text
        for number, text in enumerate(TD3)
    )


@pytest.mark.parametrize("mrtd_format", list(MrtdFormat))
def test_clear_scores_decode_to_themselves(mrtd_format: MrtdFormat) -> None:
    lines = compose_lines(mrtd_format, DEFAULT_FIELDS[mrtd_format])
    found = decode(scores(lines))
    assert found is not None
    assert (found.layout.format, found.lines, found.corrections) == (mrtd_format, lines, ())
    assert found.complete
    assert found.misfits == 0
    assert starts_well(found)
    assert min(min(row) for row in found.confidences) > 0.99


@pytest.mark.parametrize(
    ("line", "position", "read", "right"),
    [(1, 15, "O", "0"), (1, 22, "Z", "2"), (1, 17, "I", "1"), (0, 7, "1", "I"), (0, 4, "0", "O")],
)
def test_look_alikes_give_way_to_what_the_place_can_hold(
    line: int, position: int, read: str, right: str
) -> None:
    assert TD3[line][position] == right
    found = decoded(printed(line, position, read), {(line, position): (right, 6.0)})
    assert found.lines == TD3
    [correction] = found.corrections
    assert (correction.line, correction.position) == (line, position)
    assert (correction.read, correction.corrected, correction.why) == (read, right, "format")


def test_an_impossible_character_without_rival_is_kept() -> None:
    """A specimen with a letter printed in its date is returned with it."""
    found = decoded(printed(1, 14, "W"), {})
    assert found.lines == printed(1, 14, "W")
    assert found.corrections == ()
    assert not found.complete


def test_a_check_digit_settles_an_open_reading() -> None:
    found = decoded(printed(1, 6, "Z"), {(1, 6): ("2", 3.0)})
    assert found.lines == TD3
    assert [c.why for c in found.corrections] == ["check_digit"]


def test_two_open_readings_are_settled_together() -> None:
    line = printed(1, 1, "B")[1]
    lines = (TD3[0], line[:5] + "O" + line[6:])
    found = decoded(lines, {(1, 1): ("8", 2.0), (1, 5): ("0", 5.0)})
    assert found.lines == TD3
    assert len(found.corrections) == 2


def test_two_repairs_as_likely_as_each_other_are_no_proof() -> None:
    """S and 8 weigh the same, so the check digit cannot tell which of them was a 5."""
    lines = (TD3[0], "S" + TD3[1][1:])
    spoilt = (TD3[0], "5" + TD3[1][1:])
    weight = check_digit(lines[1][:9])
    assert weight == check_digit("8" + lines[1][1:9])
    spoilt = (TD3[0], spoilt[1][:9] + weight + spoilt[1][10:43])
    composite = check_digit("S" + spoilt[1][1:10] + spoilt[1][13:20] + spoilt[1][21:43])
    spoilt = (TD3[0], spoilt[1] + composite)
    logits = [row.copy() for row in scores(spoilt)]
    for character, gap in (("S", 3.0), ("8", 4.0)):
        logits[1][0, INDEX[character]] = logits[1][0, INDEX["5"]] - gap
    found = decode([log_softmax(row) for row in logits])
    assert found is not None
    assert found.lines == spoilt
    assert found.corrections == ()


def test_a_clear_print_is_never_rewritten_for_a_check_digit() -> None:
    for position, character in ((1, "B"), (6, "Z"), (9, "7"), (43, "3")):
        lines = printed(1, position, character)
        found = decoded(lines, {(1, position): (TD3[1][position], 15.0)})
        assert found.lines == lines
        assert not found.complete


def recomputed(line: str) -> str:
    """The second line of a passport with its check digits of birth date and of all put right."""
    line = line[:19] + check_digit(line[13:19]) + line[20:]
    return line[:43] + check_digit(line[:10] + line[13:20] + line[21:43])


def test_a_date_that_does_not_exist_is_no_repair() -> None:
    """Reading the tens of the day as a 7 would satisfy the check digits, were there such a day;
    another month is one that exists."""
    born = recomputed(TD3[1][:13] + "740812" + TD3[1][19:])
    misread = born[:16] + "4" + born[17:]
    assert misread != born
    rival = {(1, 16): (born[16], 3.5)}
    assert decoded((TD3[0], misread), rival).lines == (TD3[0], born)
    bogus = recomputed(TD3[1][:13] + "740872" + TD3[1][19:])
    misread = bogus[:17] + "1" + bogus[18:]
    found = decoded((TD3[0], misread), {(1, 17): ("7", 2.0)})
    assert found.lines == (TD3[0], misread)
    assert found.corrections == ()


def test_a_calendar_leaves_one_of_two_repairs() -> None:
    """A 9 for the 1 of the day satisfies the check digits as well as a 1 for the 7 of the month,
    and the scores hold it likelier."""
    line = recomputed(TD3[1][:13] + "741112" + TD3[1][19:])
    spoilt = line[:15] + "7" + line[16:]
    both = spoilt[:17] + "9" + spoilt[18:]
    assert check_digit(both[13:19]) == check_digit(line[13:19])
    found = decoded((TD3[0], spoilt), {(1, 15): ("1", 2.5), (1, 17): ("9", 2.0)})
    assert found.lines == (TD3[0], line)
    assert [(c.read, c.corrected, c.why) for c in found.corrections] == [("7", "1", "check_digit")]


def test_a_printed_date_that_does_not_exist_is_returned_in_doubt() -> None:
    line = recomputed(TD3[1][:13] + "741332" + TD3[1][19:])
    found = decoded((TD3[0], line), {})
    assert found.lines == (TD3[0], line)
    assert found.corrections == ()
    assert found.complete
    assert max(found.confidences[1][13:19]) <= 0.5


def test_a_document_code_that_no_format_has_is_in_doubt() -> None:
    """No check digit covers it, so that all of them pass without it being right."""
    near = decoded(printed(0, 0, "R"), {(0, 0): ("P", 3.0)})
    assert near.lines == TD3
    assert [(c.read, c.corrected, c.why) for c in near.corrections] == [("R", "P", "format")]
    clear = decoded(printed(0, 0, "R"), {})
    assert clear.lines == printed(0, 0, "R")
    assert clear.confidences[0][0] <= 0.5


def test_a_zero_for_a_letter_o_is_a_correction_like_any_other() -> None:
    """Numbers rarely hold the letter; where the print prefers it a little, that is told."""
    found = decoded(printed(1, 5, "O"), {(1, 5): ("0", 2.0)})
    assert found.lines == TD3
    assert [(c.read, c.corrected, c.why) for c in found.corrections] == [("O", "0", "rare")]
    clear = decoded(printed(1, 5, "O"), {(1, 5): ("0", 18.0)})
    assert clear.lines == printed(1, 5, "O")
    assert clear.corrections == ()


def test_every_difference_from_the_print_is_listed() -> None:
    """Whatever made it: format, check digit, a state that exists, what is rare."""
    rng = np.random.default_rng(3)
    for _ in range(60):
        rows = [row + rng.gumbel(0, 4.5, row.shape).astype(np.float32) for row in scores(TD3)]
        found = decode([log_softmax(row) for row in rows])
        assert found is not None
        seen = tuple(text_of(row) for row in rows)
        differing = {
            (line, place): (seen[line][place], character)
            for line, text in enumerate(found.lines)
            for place, character in enumerate(text)
            if seen[line][place] != character
        }
        listed = {(c.line, c.position): (c.read, c.corrected) for c in found.corrections}
        assert listed == differing


FRENCH = (
    "IDFRADUBOIS<<<<<<<<<<<<<<<<<<<<<<<<<",
    f"041275300312{check_digit('041275300312')}CAMILLE<<<<<<<650825{check_digit('650825')}F",
)


@pytest.mark.parametrize("gap", [3.0, 9.0])
def test_a_french_card_is_known_by_its_heading_and_its_digits(gap: float) -> None:
    """Where its ID reads as IO, its own check digits say whose card it is, if the D is near; the
    heading and the table that is used never differ."""
    lines = (FRENCH[0], FRENCH[1] + check_digit(FRENCH[0] + FRENCH[1]))
    seen = ("IO" + lines[0][2:], lines[1])
    found = decoded(seen, {(0, 1): ("D", gap)})
    if gap < 4:
        assert (found.layout, found.lines) == (FRENCH_CARD, lines)
        assert [(c.read, c.corrected, c.why) for c in found.corrections] == [("O", "D", "format")]
        assert found.confidences[0][1] < 0.5
    else:
        assert (found.layout, found.lines[0]) == (LAYOUTS[MrtdFormat.TD2], seen[0])
    wrong = str((int(lines[1][-1]) + 1) % 10)
    spoilt = (seen[0], lines[1][:-1] + wrong)
    told = decoded(spoilt, {(0, 1): ("D", gap)})
    assert told.lines[0] == spoilt[0], "nothing speaks for a D"


def test_names_are_not_touched_by_check_digits() -> None:
    lines = printed(1, 9, "7")
    found = decoded(lines, {(0, 5): ("F", 1.0), (0, 6): ("P", 1.0)})
    assert found.lines[0] == TD3[0]


def test_passport_or_visa_by_the_first_letter() -> None:
    for mrtd_format in (MrtdFormat.TD3, MrtdFormat.MRVA, MrtdFormat.TD2, MrtdFormat.MRVB):
        lines = compose_lines(mrtd_format, DEFAULT_FIELDS[mrtd_format])
        found = decode(scores(lines))
        assert found is not None
        assert found.layout.format is mrtd_format


def test_other_print_does_not_pass_for_a_zone() -> None:
    lines = ("C" + "RFRAAB123CD0" + "X" * 31, "1A" * 22)
    found = decoded(lines, {})
    assert not starts_well(found)
    assert found.misfits > 0.2


def test_no_format_has_this_shape() -> None:
    assert decode(scores(("ABC", "DEF"))) is None


def test_a_doubtful_character_lowers_its_confidence() -> None:
    found = decoded(TD3, {(0, 5): ("F", 0.5)})
    row = found.confidences[0]
    assert 0.5 < row[5] < 0.8
    assert row[5] == min(row)


def test_frames_outvote_one_bad_frame() -> None:
    good, bad = scores(TD3, {(0, 5): ("F", 4.0)}), scores(printed(0, 5, "F"), {(0, 5): ("E", 2.0)})
    assert same_zone(good, bad)
    fused = fuse([bad, good, good], [1.0, 1.0, 1.0])
    assert tuple(text_of(row) for row in fused) == TD3


def test_weights_decide_between_two_frames() -> None:
    sharp, soft = (
        scores(TD3, {(0, 5): ("F", 2.0)}),
        scores(printed(0, 5, "F"), {(0, 5): ("E", 2.0)}),
    )
    assert text_of(fuse([sharp, soft], [0.9, 0.5])[0]) == TD3[0]
    assert text_of(fuse([sharp, soft], [0.5, 0.9])[0]) == printed(0, 5, "F")[0]


def test_different_zones_are_not_mixed() -> None:
    visa = compose_lines(MrtdFormat.MRVB, DEFAULT_FIELDS[MrtdFormat.MRVB])
    other = (
        "P<D<<MUSTERMANN<<MAX<ALEXANDER<VON<UND<ZU<<",
        "C01X00T478D<<6408125M2702283<<<<<<<<<<<<<<<4",
    )
    assert not same_zone(scores(TD3), scores(visa))
    assert not same_zone(scores(TD3), scores(other))
