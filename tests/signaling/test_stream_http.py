"""Streams by HTTP: every shape of a body, batches, video, newest-only, bombs."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import re
import resource
import time
import zlib
from fractions import Fraction
from typing import Any

import aiohttp
import av
import numpy as np
import pytest

from tests.conftest import RunningServer, Serve
from tests.fakes import FakeEngine
from tests.signaling.pictures import base64_of, encoded, grey

Http = aiohttp.ClientSession


async def begin(http: Http, server: RunningServer) -> str:
    async with http.post(f"{server.url}/api/stream/session") as answer:
        told = await answer.json()
        assert answer.status == 200 and told["success"] is True and told["stable_required"] == 8
        return str(told["session_id"])


async def post(http: Http, server: RunningServer, path: str, **how: Any) -> tuple[int, Any]:
    async with http.post(f"{server.url}{path}", **how) as answer:
        return answer.status, await answer.json()


def form(values: dict[str, str], *files: bytes, name: str = "image") -> aiohttp.FormData:
    made = aiohttp.FormData()
    for key, value in values.items():
        made.add_field(key, value)
    for file in files:
        made.add_field(name, file, filename="../../frame.jpg", content_type="image/jpeg")
    return made


async def test_the_flow_from_session_to_closing(serve: Serve) -> None:
    server = await serve(FakeEngine())
    async with Http() as http:
        own = await begin(http, server)
        body = {"session_id": own, "image": base64_of(grey())}
        status, seen = await post(http, server, "/api/stream/frame", json=body)
        assert status == 200 and (seen["detected"], seen["stable_count"]) == (True, 3)
        assert seen["stable_required"] == 8
        status, told = await post(http, server, "/api/stream/capture", json={"session_id": own})
        assert status == 200 and told["success"] and told["data"]["surname"] == "ERIKSSON"
        async with http.delete(f"{server.url}/api/stream/session/{own}") as answer:
            assert answer.status == 200 and (await answer.json())["success"] is True
        assert (await post(http, server, "/api/stream/frame", json=body))[0] == 404


@pytest.mark.parametrize(
    "shape", ["base64", "data url", "other name", "url-safe", "form", "form base64", "bare", "gzip"]
)
async def test_a_frame_in_every_shape(serve: Serve, shape: str) -> None:
    server = await serve(FakeEngine())
    async with Http() as http:
        own = await begin(http, server)
        plain = {"session_id": own, "image": base64_of(grey())}
        packed = {
            "data": gzip.compress(json.dumps(plain).encode()),
            "headers": {"Content-Encoding": "gzip", "Content-Type": "application/json"},
        }
        how: dict[str, dict[str, Any]] = {
            "base64": {"json": plain},
            "data url": {"json": {**plain, "image": base64_of(grey(".webp"), "image/webp")}},
            "other name": {"json": {"session_id": own, "frame": base64_of(grey())}},
            "url-safe": {"json": {**plain, "image": plain["image"].replace("+", "-").replace("/", "_").rstrip("=")}},  # noqa: E501
            "form": {"data": form({"session_id": own}, grey())},
            "form base64": {"data": form(plain)},
            "bare": {"data": grey(), "headers": {"Content-Type": "image/jpeg"}, "params": {"session_id": own}},  # noqa: E501
            "gzip": packed,
        }  # fmt: skip
        if shape == "form base64":
            how[shape]["data"].add_field("unused", b"", filename="x", content_type="text/plain")
            how[shape] = {"data": aiohttp.MultipartWriter("form-data")}
            for key, value in plain.items():
                part = how[shape]["data"].append(value, {"Content-Type": "text/plain"})
                part.set_content_disposition("form-data", name=key)
        status, seen = await post(http, server, "/api/stream/frame", **how[shape])
        assert (status, seen.get("detected")) == (200, True), seen


async def test_frames_that_wait_give_way_to_the_newest(serve: Serve) -> None:
    server = await serve(FakeEngine(see_s=0.2))
    async with Http() as http:
        own = await begin(http, server)
        body = {"session_id": own, "image": base64_of(grey())}
        several = [post(http, server, "/api/stream/frame", json=body) for _ in range(6)]
        answers = [told for status, told in await asyncio.gather(*several) if status == 200]
        assert len(answers) == 6
        assert 2 <= sum(told["analysed"] for told in answers) <= 3
        flood = [post(http, server, "/api/stream/frame", json=body) for _ in range(20)]
        assert 429 in {status for status, _ in await asyncio.gather(*flood)}


@pytest.mark.parametrize("as_form", [False, True])
async def test_a_batch_answers_each_frame_in_order(serve: Serve, as_form: bool) -> None:
    server = await serve(FakeEngine())
    async with Http() as http:
        own = await begin(http, server)
        files = [grey(), b"no picture", grey(".webp"), grey(".png")]
        how: dict[str, Any] = (
            {"data": form({"session_id": own}, *files, name="frames")}
            if as_form
            else {"json": {"session_id": own, "frames": [base64_of(files[0]), *(
                {"image": base64_of(file)} for file in files[1:])]}}
        )  # fmt: skip
        status, told = await post(http, server, "/api/stream/video/frames", **how)
        assert status == 200, told
        assert (told["frames_received"], told["frames_processed"]) == (4, 3)
        assert [result["success"] for result in told["results"]] == [True, False, True, True]
        assert told["results"][1]["error_code"] == "INVALID_IMAGE"
        assert (told["detected"], told["stable_count"], told["truncated"]) == (True, 3, False)


async def test_batches_are_bounded(serve: Serve) -> None:
    limits = ("--doors.max-batch-frames", "3", "--doors.max-batch-s", "0.8")
    server = await serve(FakeEngine(see_s=0.5), *limits)
    async with Http() as http:
        own = await begin(http, server)
        path, frame = "/api/stream/video/frames", base64_of(grey())
        for frames, status, code in (([], 422, "INVALID_IMAGE"), ([frame] * 4, 413, "TOO_LARGE")):
            got = await post(http, server, path, json={"session_id": own, "frames": frames})
            assert (got[0], got[1]["error_code"]) == (status, code)
        three = {"session_id": own, "frames": [frame] * 3}
        first = asyncio.create_task(post(http, server, path, json=three))
        await asyncio.sleep(0.1)
        assert (await post(http, server, path, json=three))[1]["error_code"] == "RATE_LIMITED"
        told = (await first)[1]
        assert told["truncated"] is True and told["frames_processed"] in (1, 2)


def recorded(kind: str, pictures: int = 24) -> bytes:
    """A video as a browser's MediaRecorder writes it."""
    file = io.BytesIO()
    options = {"webm": {"live": "1", "cluster_time_limit": "300"},
               "mp4": {"movflags": "frag_keyframe+empty_moov+default_base_moof"}}  # fmt: skip
    codec = {"webm": "libvpx", "mp4": "libx264"}[kind]
    with av.open(file, "w", format=kind, options=options[kind]) as container:
        stream = container.add_stream(codec, rate=24)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.gop_size = 100 if kind == "webm" else 6
        quick: dict[str, Any] = {"tune": "zerolatency"}
        if kind == "webm":
            quick = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
        stream.options = quick
        for number in range(pictures):
            picture = np.full((240, 320, 3), 40 + 4 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def cut(video: bytes, mark: bytes, before: int) -> list[bytes]:
    """The video in two, at a cluster or fragment in its middle."""
    places = [at for at in range(len(video)) if video.startswith(mark, at)]
    middle = places[len(places) // 2] - before
    return [video[:middle], video[middle:]]


@pytest.mark.parametrize(("kind", "mark", "before"), [("webm", b"\x1f\x43\xb6\x75", 0), ("mp4", b"moof", 4)])  # noqa: E501 # fmt: skip
async def test_video_chunk_by_chunk(serve: Serve, kind: str, mark: bytes, before: int) -> None:
    brightness: list[int] = []
    server = await serve(FakeEngine(on_see=lambda frame: brightness.append(int(frame.luma.mean()))))
    async with Http() as http:
        own = await begin(http, server)
        counts = []
        for chunk in cut(recorded(kind), mark, before):
            data = form({"session_id": own}, chunk, name="video")
            status, told = await post(http, server, "/api/stream/video", data=data)
            assert status == 200, told
            counts.append(told["frames_processed"])
        assert sum(counts) == 24 and min(counts) >= 4
        assert brightness == sorted(brightness) and brightness[-1] - brightness[0] > 60
        bare = {"headers": {"Content-Type": f"video/{kind}"}, "params": {"session_id": own}}
        status, told = await post(http, server, "/api/stream/video", data=recorded(kind), **bare)
        assert status == 200 and told["results"][-1]["stable_count"] == 3


async def test_a_recorder_s_chunk_may_begin_within_a_cluster(serve: Serve) -> None:
    server = await serve(FakeEngine())
    video = recorded("webm")
    middle = len(cut(video, b"\x1f\x43\xb6\x75", 0)[0])
    # SimpleBlocks of track 1 (RFC 9559, 5.1.3.4): the third one of the cluster in the middle.
    simple_block = re.compile(rb"\xa3[\x40-\xff].{0,3}?\x81\x00.\x00", re.DOTALL)
    blocks = [found.start() for found in simple_block.finditer(video) if found.start() > middle]
    async with Http() as http:
        own = await begin(http, server)
        counts = []
        for chunk in (video[: blocks[2]], video[blocks[2] :]):
            data = form({"session_id": own}, chunk, name="video")
            status, told = await post(http, server, "/api/stream/video", data=data)
            assert status == 200, told
            counts.append(told["frames_processed"])
    assert sum(counts) == 24 and min(counts) >= 4


@pytest.mark.parametrize(
    "video",
    [b"", b"junk", b"\x1a\x45\xdf\xa3" + os.urandom(500), b"\0\0\0\x18ftypmp42" + bytes(90)],
)
async def test_what_is_no_video_is_refused(serve: Serve, video: bytes) -> None:
    server = await serve(FakeEngine())
    async with Http() as http:
        own = await begin(http, server)
        body = {"session_id": own, "video": base64_of(video)}
        status, told = await post(http, server, "/api/stream/video", json=body)
        assert (status, told["error_code"]) == (422, "INVALID_IMAGE")


async def test_a_video_chunk_is_thinned_and_its_pixels_bounded(serve: Serve) -> None:
    limits = ("--doors.max-batch-frames", "8", "--doors.max-frame-pixels", "76800")
    server = await serve(FakeEngine(), *limits)
    async with Http() as http:
        own = await begin(http, server)
        body = {"session_id": own, "video": base64_of(recorded("webm"))}
        status, told = await post(http, server, "/api/stream/video", json=body)
        assert status == 200 and 4 <= told["frames_processed"] <= 8
        big = encoded(np.zeros((300, 300, 3), np.uint8), ".jpg")
        body = {"session_id": own, "image": base64_of(big)}
        status, told = await post(http, server, "/api/stream/frame", json=body)
        assert (status, told["error_code"]) == (422, "INVALID_IMAGE")


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ({"json": {"image": "aaaa"}}, 400, "INVALID_MESSAGE"),
        ({"json": {"session_id": ["x"], "image": "aaaa"}}, 400, "INVALID_MESSAGE"),
        ({"json": [1, 2]}, 400, "INVALID_MESSAGE"),
        ({"data": "{", "headers": {"Content-Type": "application/json"}}, 400, "INVALID_MESSAGE"),
        ({"data": "x", "headers": {"Content-Type": "text/plain"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"data": b"--x", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400, "BAD_REQUEST"),  # noqa: E501
        ({"data": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "BAD_REQUEST"),
        ({"json": {"session_id": "../../etc/passwd", "image": "aaaa"}}, 404, "INVALID_SESSION"),
        ({"json": {"session_id": "%2e%2e%2f", "image": "aaaa"}}, 404, "INVALID_SESSION"),
        ({"json": {"session_id": "OWN"}}, 422, "INVALID_IMAGE"),
        ({"json": {"session_id": "OWN", "image": "no base64!"}}, 422, "INVALID_IMAGE"),
        ({"json": {"session_id": "OWN", "image": base64_of(b"no picture")}}, 422, "INVALID_IMAGE"),
        ({"json": {"session_id": "OWN", "image": "data:image/jpeg;base64,"}}, 422, "INVALID_IMAGE"),
        ({"json": {"session_id": "OWN", "image": "A" * 900_000}}, 413, "TOO_LARGE"),
        ({"data": bytes(700_000), "headers": {"Content-Type": "image/jpeg"}, "params": {"session_id": "OWN"}}, 413, "TOO_LARGE"),  # noqa: E501
    ],
)  # fmt: skip
async def test_refusals(serve: Serve, how: dict[str, Any], status: int, code: str) -> None:
    server = await serve(FakeEngine(), "--doors.max-frame-bytes", "600000")
    async with Http() as http:
        own = await begin(http, server)
        if isinstance(how.get("json"), dict) and how["json"].get("session_id") == "OWN":
            how = {"json": {**how["json"], "session_id": own}}
        if "params" in how:
            how = {**how, "params": {"session_id": own}}
        got, told = await post(http, server, "/api/stream/frame", **how)
        assert (got, told["success"], told["error_code"]) == (status, False, code), told
        assert isinstance(told["error"], str) and "etc/passwd" not in told["error"]


def bomb(size: int) -> bytes:
    """Gzip that unpacks to ``size`` bytes of a JSON text."""
    packer = zlib.compressobj(9, wbits=31)
    packed = [packer.compress(b'{"image": "')]
    packed += [packer.compress(b"A" * 1_000_000) for _ in range(size // 1_000_000)]
    return b"".join([*packed, packer.flush()])


async def test_a_gzip_bomb_is_stopped_as_it_unpacks(serve: Serve) -> None:
    server = await serve(FakeEngine())
    packed = await asyncio.to_thread(bomb, 300_000_000)
    assert len(packed) < 400_000
    head = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began_s = time.process_time()
    async with Http() as http:
        for path in ("/api/stream/frame", "/api/extract", "/api/mrz/update", "/api/webrtc/offer"):
            status, told = await post(http, server, path, data=packed, headers=head)
            assert (status, told["error_code"]) == (413, "TOO_LARGE")
    assert time.process_time() - began_s < 3, "unpacking goes on past the limit"
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    assert grown_kb < 150_000, f"unpacking took {grown_kb} kB"


PACKED = gzip.compress(b"{}", mtime=0)
"""Without the time: a test's name is the same for every process that collects it."""


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", PACKED, 200),
        ("deflate", zlib.compress(b"{}"), 200),
        ("gzip", PACKED[:-4], 400),
        ("gzip", b"junk", 400),
        ("br", b"{}", 415),
        ("gzip, gzip", gzip.compress(PACKED, mtime=0), 415),
    ],
)
async def test_packed_bodies(serve: Serve, encoding: str, body: bytes, status: int) -> None:
    server = await serve(FakeEngine())
    head = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    async with Http() as http:
        got = await post(http, server, "/api/stream/session", data=body, headers=head)
        assert got[0] == status, got


async def test_parts_that_are_encoded_are_refused(serve: Serve) -> None:
    server = await serve(FakeEngine())
    body = (
        b"--x\r\nContent-Disposition: form-data; name=image; filename=a\r\n"
        b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(100)) + b"\r\n--x--\r\n"
    )
    head = {"Content-Type": "multipart/form-data; boundary=x"}
    async with Http() as http:
        status, told = await post(http, server, "/api/detect", data=body, headers=head)
        assert (status, told["error_code"]) == (400, "INVALID_MESSAGE")


async def test_pages_of_elsewhere_may_not_ask(serve: Serve) -> None:
    server = await serve(FakeEngine())
    foreign = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    behind_proxy = {"Origin": "https://hotel.example", "Sec-Fetch-Site": "same-origin"}
    async with Http() as http:
        told = await post(http, server, "/api/stream/session", headers=foreign)
        assert (told[0], told[1]["error_code"]) == (403, "FORBIDDEN")
        assert (await post(http, server, "/api/stream/session", headers=behind_proxy))[0] == 200


async def test_opening_asks_for_the_token(serve: Serve) -> None:
    server = await serve(FakeEngine(), "--api-token", "s3cret")
    async with Http() as http:
        for path in ("/api/stream/session", "/api/extract", "/api/detect"):
            status, told = await post(http, server, path)
            assert (status, told["error_code"]) == (401, "UNAUTHORIZED")
        head = {"Authorization": "Bearer s3cret"}
        assert (await post(http, server, "/api/stream/session", headers=head))[0] == 200
