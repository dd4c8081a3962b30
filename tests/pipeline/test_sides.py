from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.geometry import rectangle
from pipeline.sides import Sides, ZoneWatch, fault_of, has_turned, is_card, judge, side_shown
from pipeline.types import (
    BarcodeRead,
    Detection,
    Document,
    DocumentStatus,
    Field,
    FieldStatus,
    GuidanceCode,
    MrtdFormat,
    MrzRead,
    Side,
)

TWO = Sides(2)


def read(number: str = "A1", document_id: str = "d1", known: str = "TD1") -> Document:
    zone = MrzRead(MrtdFormat(known), ("", "", ""), ((1.0,),), {})
    field = Field(number, number, FieldStatus.CHECKSUM, 1.0)
    return Document(document_id, DocumentStatus.COMPLETE, zone, {"document_number": field})


def blank(document_id: str = "d1") -> Document:
    return Document(document_id, DocumentStatus.FAILED, None)


@pytest.mark.parametrize("wanted", [1, 2])
def test_a_passport_is_complete_with_one_page(wanted: int) -> None:
    told = judge(Sides(wanted), read(known="TD3"), False, lambda: "fresh")
    assert (told.advice, told.ends, told.sides) == (None, True, Sides(wanted))
    assert told.show is not None


def test_the_zone_of_a_card_is_enough_where_one_side_is_wanted() -> None:
    told = judge(Sides(1), read(), True, lambda: "fresh")
    assert told.show is not None
    assert (told.advice, told.show.sides) == (None, (Side.BACK,))


def test_a_card_without_a_zone_is_told_and_tried_again() -> None:
    told = judge(Sides(1), blank(), True, lambda: "fresh")
    assert (told.advice, told.ends, told.sides.wrong) == (GuidanceCode.WRONG_SIDE, False, True)
    assert fault_of(told.sides, True, False) is GuidanceCode.WRONG_SIDE
    assert fault_of(told.sides, True, True) is None
    assert fault_of(told.sides, False, False) is None


@pytest.mark.parametrize("order", [(read(), blank()), (blank(), read())])
def test_both_sides_join_in_either_order(order: tuple[Document, Document]) -> None:
    first = judge(TWO, order[0], True, lambda: "fresh")
    assert first.advice is GuidanceCode.TURN_OVER
    assert (first.show is not None) == (order[0].mrz is not None)
    second = judge(first.sides, replace(order[1], id="d2"), True, lambda: "fresh")
    whole = second.show
    assert whole is not None
    assert (whole.id, whole.status, len(set(whole.sides))) == ("d1", DocumentStatus.COMPLETE, 2)
    assert whole.fields["document_number"].value == "A1"
    assert second.sides == TWO


@pytest.mark.parametrize("side", [read(), blank()])
def test_the_same_side_again_is_told_and_the_other_still_awaited(side: Document) -> None:
    first = judge(TWO, side, True, lambda: "fresh")
    again = judge(first.sides, side, True, lambda: "fresh")
    assert (again.advice, again.show) == (GuidanceCode.SAME_SIDE_AGAIN, None)
    assert again.sides.taken is first.sides.taken
    # A blurred back looks like a front: its picture must not take the place of the front's.
    assert first.kept and again.kept is side.was_read


def test_a_better_reading_of_the_same_side_is_kept() -> None:
    poor = replace(read(), status=DocumentStatus.NEEDS_REVIEW)
    first = judge(TWO, poor, True, lambda: "fresh")
    again = judge(first.sides, read(), True, lambda: "fresh")
    assert again.sides.pending is not None
    assert again.sides.pending.status is DocumentStatus.COMPLETE
    assert again.kept


@pytest.mark.parametrize("other", [read("B2"), read("A1", known="TD3")])
def test_another_document_gets_its_own_id(other: Document) -> None:
    first = judge(TWO, read(), True, lambda: "fresh")
    second = judge(first.sides, other, False, lambda: "fresh")
    assert second.show is not None
    assert second.show.id == "fresh"


def test_the_side_that_is_asked_for_is_known() -> None:
    assert (Sides(1).asked, Sides(2).asked) == (Side.FRONT, Side.FRONT)
    assert judge(Sides(1), blank(), True, lambda: "fresh").sides.asked is Side.BACK
    for side, other in ((read(), Side.FRONT), (blank(), Side.BACK)):
        assert judge(TWO, side, True, lambda: "fresh").sides.asked is other


def test_the_awaited_side_in_view_is_noticed() -> None:
    pending = judge(TWO, read(), True, lambda: "fresh").sides
    assert has_turned(pending, True, False)
    assert not has_turned(pending, True, True)
    assert not has_turned(pending, True, None)
    assert not has_turned(pending, False, False)
    assert fault_of(pending, True, True) is GuidanceCode.SAME_SIDE_AGAIN
    assert side_shown(True, False) is Side.FRONT


def test_one_frame_changes_no_mind_about_the_zone() -> None:
    watch = ZoneWatch()
    quad_px = rectangle(0, 0, 100, 60)
    with_zone = Detection(quad_px, 0.9, mrz_quad_px=rectangle(5, 40, 95, 55))
    without = Detection(quad_px, 0.9)
    assert [watch.update(with_zone) for _ in range(4)] == [None, None, None, True]
    assert watch.update(without) is True
    assert [watch.update(without) for _ in range(3)] == [True, True, False]
    assert watch.update(None) is None


@pytest.mark.parametrize(
    ("size", "known", "expected"),
    [
        ((856, 540), None, True),
        ((540, 856), None, True),
        ((1250, 880), None, False),
        ((1050, 740), None, False),
        ((1250, 880), MrtdFormat.TD1, True),
        ((856, 540), MrtdFormat.TD3, False),
    ],
)
def test_a_card_is_known_by_its_shape(
    size: tuple[int, int], known: MrtdFormat | None, expected: bool
) -> None:
    width, height = size
    quad_px = rectangle(640 - width / 4, 360 - height / 4, 640 + width / 4, 360 + height / 4)
    assert is_card(Detection(quad_px, 0.9, mrtd_format=known), 1280, 720) is expected


def licence(number: str = "D1", document_id: str = "d1") -> Document:
    field = Field(number, number, FieldStatus.READ, 1.0)
    barcode = BarcodeRead("PDF417", "AAMVA", 10, "636999", "DL")
    status, fields = DocumentStatus.NEEDS_REVIEW, {"document_number": field}
    return Document(document_id, status, None, fields, barcode=barcode)


def test_a_licence_is_enough_where_one_side_is_wanted() -> None:
    told = judge(Sides(1), licence(), True, lambda: "fresh")
    assert told.show is not None and told.show.sides == (Side.BACK,)
    assert (told.advice, told.ends) == (None, True)


@pytest.mark.parametrize("order", [(licence(), blank()), (blank(), licence())])
def test_a_licences_sides_join_and_keep_its_barcode(order: tuple[Document, Document]) -> None:
    first = judge(TWO, order[0], True, lambda: "fresh")
    second = judge(first.sides, order[1], True, lambda: "fresh")
    assert second.show is not None and second.show.barcode is not None
    assert set(second.show.sides) == {Side.FRONT, Side.BACK}


def test_only_taking_it_away_tells_that_a_licence_was_turned() -> None:
    sides = judge(TWO, licence(), True, lambda: "fresh").sides
    assert not has_turned(sides, True, False)
    assert fault_of(sides, True, False) is None


def test_another_licence_is_another_document() -> None:
    sides = judge(TWO, licence(), True, lambda: "fresh").sides
    told = judge(sides, licence("D2"), True, lambda: "fresh")
    assert told.show is not None and told.show.id == "fresh"
