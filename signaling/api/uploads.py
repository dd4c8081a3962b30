"""One file in, its documents out: ``/api/extract`` reads, ``/api/detect`` finds."""

from __future__ import annotations

import dataclasses

from aiohttp import web

from core.errors import MrzError
from media import reports
from media.answers import read_answer
from signaling.api.bodies import checked, file_of, read_form
from signaling.api.models import (
    DetectAnswer,
    DetectedPage,
    ExtractAnswer,
    UploadRequest,
)
from signaling.api.stream_http import answer
from signaling.keys import DOORS, UPLOADS


async def _file(request: web.Request) -> tuple[bytes, UploadRequest]:
    limit = request.app[DOORS].max_upload_bytes
    form = await read_form(request, limit)
    wanted = checked(UploadRequest, form.values)
    return await file_of(form, wanted.image, limit), wanted


async def extract(request: web.Request) -> web.Response:
    """Read the machine-readable zone, or a licence's barcode, of every page of a file."""
    data, wanted = await _file(request)
    paged = await request.app[UPLOADS].read(data, wanted.enhance)
    best = request.app[UPLOADS].best(paged)
    if best.status == "failed":
        raise MrzError(
            "no machine-readable zone and no driving licence's barcode could be read "
            "on any page of the file"
        )
    return answer(
        ExtractAnswer(
            **dict(read_answer(best)),
            page=paged.results.index(best),
            pages=[read_answer(result) for result in paged.results],
            more_pages=paged.more,
        )
    )


async def detect(request: web.Request) -> web.Response:
    """Find the document on every page of a file."""
    data, _ = await _file(request)
    looks, more = await request.app[UPLOADS].look(data)
    pages = [DetectedPage(**dataclasses.asdict(reports.look(look))) for look in looks]
    shown = next((n for n, page in enumerate(pages) if page.detected), 0)
    return answer(DetectAnswer(**dict(pages[shown]), page=shown, pages=pages, more_pages=more))
