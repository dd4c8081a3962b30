"""``/api/extract`` and ``/api/detect``: every kind of file, pages, bounds, filters."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from core.settings import PipelineSettings
from pipeline.engine import Engine
from tests.conftest import Serve
from tests.fakes import FakeEngine
from tests.pipeline.heic import heic
from tests.pipeline.test_upload import painted, pdf, png_bomb
from tests.signaling.pictures import base64_of, grey, several_pages, specimen_frames
from tests.signaling.test_stream_http import Http, form, post


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The real one: what it needs is loaded once."""
    return Engine(PipelineSettings())


async def test_the_specimen_is_read_from_every_kind_of_body(serve: Serve, engine: Engine) -> None:
    server = await serve(engine)
    frame = specimen_frames(1)[0]
    async with Http() as http:
        for how in (
            {"json": {"image": base64_of(frame, "image/jpeg")}},
            {"data": form({}, frame)},
            {"data": frame, "headers": {"Content-Type": "image/jpeg"}},
            {"data": frame, "headers": {"Content-Type": "application/octet-stream"}},
        ):
            status, told = await post(http, server, "/api/extract", **how)
            assert status == 200, told
            assert told["status"] == "complete" and told["data"]["document_number"] == "L898902C3"
            assert told["mrz"]["check_digits"]["composite"] == "pass"
            assert (told["page"], len(told["pages"]), told["more_pages"]) == (0, 1, False)
        status, told = await post(http, server, "/api/detect", data=form({}, frame))
        assert status == 200 and told["detected"] is True and told["confidence"] > 0.5
        assert len(told["corners"]) == 4 and told["quality"]["score"] > 50


async def test_every_page_of_a_tiff_is_read(serve: Serve, engine: Engine) -> None:
    server = await serve(engine)
    tiff = several_pages(grey(), specimen_frames(1)[0])
    async with Http() as http:
        status, told = await post(http, server, "/api/extract", data=form({}, tiff))
        assert status == 200 and told["page"] == 1
        assert [page["status"] for page in told["pages"]] == ["failed", "complete"]
        status, told = await post(http, server, "/api/detect", data=form({}, tiff))
        assert [page["detected"] for page in told["pages"]] == [False, True] and told["page"] == 1


async def test_without_a_zone_extraction_fails(serve: Serve, engine: Engine) -> None:
    server = await serve(engine)
    async with Http() as http:
        body = {"image": base64_of(grey())}
        status, told = await post(http, server, "/api/extract", json=body)
        assert (status, told["error_code"]) == (422, "MRZ_EXTRACTION_FAILED")
        status, told = await post(http, server, "/api/detect", json=body)
        assert (status, told["detected"], told["corners"]) == (200, False, None)


@pytest.mark.parametrize(
    ("data", "kind"),
    [(pdf(2), "application/pdf"), (heic(painted()), "image/heic"), (grey(".bmp"), "image/bmp")],
    ids=["pdf", "heic", "bmp"],
)
async def test_pdf_heic_and_others(serve: Serve, data: bytes, kind: str) -> None:
    server = await serve(FakeEngine())
    async with Http() as http:
        head = {"Content-Type": kind}
        status, told = await post(http, server, "/api/extract", data=data, headers=head)
        assert status == 200 and len(told["pages"]) == (2 if kind.endswith("pdf") else 1)


async def test_pages_left_out_are_told(serve: Serve) -> None:
    server = await serve(FakeEngine(), "--doors.max-upload-pages", "2")
    pages = [grey()] * 3
    async with Http() as http:
        for count, more in ((3, True), (2, False)):
            data = form({}, several_pages(*pages[:count]))
            _, told = await post(http, server, "/api/extract", data=data)
            assert (len(told["pages"]), told["more_pages"]) == (2, more)


async def test_a_page_that_is_damaged_takes_none_from_those_before_it(serve: Serve) -> None:
    server = await serve(FakeEngine())
    whole = several_pages(grey(), grey(), grey())
    for damaged_page, pages in ((1, 1), (0, 0)):
        with Image.open(io.BytesIO(whole)) as image:
            image.seek(damaged_page)
            assert isinstance(image, TiffImageFile)
            begin = image.tag_v2[273][0]  # where its pixels are (TIFF 6.0, StripOffsets)
        damaged = whole[:begin] + bytes(60) + whole[begin + 60 :]
        async with Http() as http:
            status, told = await post(http, server, "/api/extract", data=form({}, damaged))
            if pages:
                assert (status, len(told["pages"]), told["more_pages"]) == (200, 1, True)
            else:
                assert (status, told["error_code"]) == (422, "INVALID_IMAGE")


async def test_filters_are_asked_for_by_request(serve: Serve) -> None:
    engine = FakeEngine()
    server = await serve(engine)
    wanted = {"enable_sharpening": True, "sharpen_amount": 0.5}
    async with Http() as http:
        body: dict[str, Any] = {"image": base64_of(grey()), "enhance": wanted}
        assert (await post(http, server, "/api/extract", json=body))[0] == 200
        how = form({"enhance": '{"enable_contrast": true}'}, grey())
        assert (await post(http, server, "/api/extract", data=how))[0] == 200
        body["enhance"] = {"target_width": 10**9}
        status, told = await post(http, server, "/api/extract", json=body)
        assert (status, told["field"]) == (400, "enhance")
    sharpened, contrasted = engine.filters
    assert sharpened is not None and sharpened.enable_sharpening and sharpened.sharpen_amount == 0.5
    assert contrasted is not None and contrasted.enable_contrast and contrasted.active


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ({"json": {}}, 422, "INVALID_IMAGE"),
        ({"files": 0}, 422, "INVALID_IMAGE"),
        ({"data": b"", "headers": {"Content-Type": "image/png"}}, 422, "INVALID_IMAGE"),
        ({"data": png_bomb(40_000), "headers": {"Content-Type": "image/png"}}, 422, "INVALID_IMAGE"),  # noqa: E501
        ({"data": pdf(1)[:300], "headers": {"Content-Type": "application/pdf"}}, 422, "INVALID_IMAGE"),  # noqa: E501
        ({"data": bytes(200_001), "headers": {"Content-Type": "image/png"}}, 413, "TOO_LARGE"),
        ({"data": b"x", "headers": {"Content-Type": "application/zip"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),  # noqa: E501
    ],
)  # fmt: skip
async def test_refusals(serve: Serve, how: dict[str, Any], status: int, code: str) -> None:
    server = await serve(FakeEngine(), "--doors.max-upload-bytes", "200000")
    async with Http() as http:
        for path in ("/api/extract", "/api/detect"):
            if "files" in how:  # a form can be sent once only
                how = {"files": 0, "data": form({"x": "y"}, b"")}
            sent = {name: value for name, value in how.items() if name != "files"}
            got, told = await post(http, server, path, **sent)
            assert (got, told["success"], told["error_code"]) == (status, False, code)


async def test_one_upload_is_read_at_a_time_and_few_wait(serve: Serve) -> None:
    server = await serve(FakeEngine(read_s=0.2), "--doors.waiting-uploads", "1")
    body = {"image": base64_of(grey())}
    async with Http() as http:
        several = [post(http, server, "/api/extract", json=body) for _ in range(4)]
        answers = await asyncio.gather(*several)
    assert sorted(status for status, _ in answers) == [200, 200, 503, 503]
    assert {told.get("error_code") for _, told in answers} == {None, "OVERLOADED"}


def marked(data: bytes) -> bytes:
    """The picture with a maker and a place in its EXIF."""
    exif = Image.Exif()
    exif[0x010F] = "SECRETMAKER"
    exif.get_ifd(0x8825)[1] = "N"
    made = io.BytesIO()
    Image.open(io.BytesIO(data)).save(made, "JPEG", exif=exif, quality=95)
    assert b"SECRETMAKER" in made.getvalue()
    return made.getvalue()


async def test_an_upload_s_metadata_is_not_told_again(serve: Serve, engine: Engine) -> None:
    server = await serve(engine)
    picture = await asyncio.to_thread(marked, specimen_frames(1)[0])
    async with Http() as http:
        _, told = await post(http, server, "/api/extract", data=form({}, picture))
        assert told["status"] == "complete" and "SECRETMAKER" not in str(told)
