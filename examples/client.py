"""A capture client in Python: sends a video track, receives LobbyLens' JSON messages.

This is all that an integrator without a browser needs: one HTTP request, one peer connection,
two data channels. The demo, the tests and the benchmarks use it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol, runtime_checkable

import aiohttp
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.rtcdatachannel import RTCDataChannel

from media.adaptations import IceOptions, adapt_consent, adapt_gathering, ice_connections

Message = dict[str, Any]
_CHUNK_BYTES = 16_384
"""A longer message would keep others waiting (RFC 8831, section 6.6)."""


class Refused(Exception):
    """The server's error answer: HTTP status and JSON body."""

    def __init__(self, status: int, body: Message) -> None:
        super().__init__(f"{status} {body.get('error_code')}: {body.get('error')}")
        self.status = status
        self.body = body


@runtime_checkable
class Adjustable(Protocol):
    """A track that can send the pictures that a profile asks for, see docs/protocol.md."""

    def follow(self, profile: Message) -> int:
        """Obey a ``profile`` message; the width of the pictures under *capture*, in pixels."""
        ...


async def fetch_ice_servers(base_url: str, token: str | None = None) -> list[RTCIceServer]:
    """The server's own STUN and TURN servers, with fresh credentials. Raises Refused."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.get(f"{base_url.rstrip('/')}/api/webrtc/config") as response,
    ):
        body = await response.json()
        if response.status != 200:
            raise Refused(response.status, body)
    return [RTCIceServer(**server) for server in body["ice_servers"]]


class CaptureClient:
    """One peer. ``channels`` are the labels opened; ``codec`` VP8 or H264, None for both.

    A track with a method ``follow`` is told which pictures the server wants (profiles).

    ``relay_only``: everything goes through the TURN server among ``ice_servers``, as where a
    firewall lets nothing else pass (RFC 9429, section 3.5.3). ``insecure``: any certificate will
    do, for a trial with ``--tls self-signed``.
    """

    def __init__(
        self,
        base_url: str,
        track: MediaStreamTrack | None,
        *,
        channels: tuple[str, ...] = ("overlay", "events"),
        token: str | None = None,
        codec: str | None = None,
        ice_servers: Sequence[RTCIceServer] = (),
        relay_only: bool = False,
        insecure: bool = False,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._received: asyncio.Queue[Message | None] = asyncio.Queue()
        self._track = track
        self._relay_only = relay_only
        self._verified = not insecure
        policy = RTCIceTransportPolicy.RELAY if relay_only else RTCIceTransportPolicy.ALL
        self.pc = RTCPeerConnection(
            RTCConfiguration(iceServers=list(ice_servers), iceTransportPolicy=policy)
        )
        self.session_id = ""
        self.resume_token = ""
        self.channels: dict[str, RTCDataChannel] = {}
        if track is not None:
            transceiver = self.pc.addTransceiver(track, direction="sendonly")
            if codec is not None:
                known = RTCRtpSender.getCapabilities("video")
                assert known is not None
                transceiver.setCodecPreferences(
                    [item for item in known.codecs if item.mimeType == f"video/{codec}"]
                )
        for label in channels:
            self._open_channel(label)
        self.pc.on("connectionstatechange", self._state_changed)

    def _open_channel(self, label: str) -> None:
        overlay = label == "overlay"
        channel = self.pc.createDataChannel(
            label, ordered=not overlay, maxRetransmits=0 if overlay else None
        )
        channel.on("message", lambda text: self._take(json.loads(text)))
        self.channels[label] = channel

    def _take(self, message: Message) -> None:
        if message["type"] == "profile" and isinstance(self._track, Adjustable):
            width = self._track.follow(message)
            self.send({"type": "profile", "name": message["name"], "full_width": width})
        self._received.put_nowait(message)

    def _state_changed(self) -> None:
        if self.pc.connectionState in ("failed", "closed"):
            self._received.put_nowait(None)

    async def offer(self) -> str:
        """Our session description, with all candidates gathered.

        Raises ConnectionError when only a relay would do and the TURN server gives none.
        """
        description = await self.pc.createOffer()
        # A client and a server on one machine without a network meet on 127.0.0.1.
        for connection in ice_connections(self.pc):
            adapt_gathering(connection, IceOptions(loopback=not self._relay_only))
            adapt_consent(connection)
        await self.pc.setLocalDescription(description)
        if self._relay_only and " typ relay" not in self.pc.localDescription.sdp:
            raise ConnectionError("the TURN server gives no relay: check its address and secret")
        return self.pc.localDescription.sdp

    async def open(self, *, resumed: str | None = None, **session: object) -> None:
        """Connect; ``resumed`` names the session that ``resume_token`` is of. Raises Refused,
        ConnectionError."""
        body = {"sdp": await self.offer(), "type": "offer", "session": session}
        # A session's own address finds its machine where several stand behind one balancer.
        path = f"sessions/{resumed}/offer" if resumed else "webrtc/offer"
        async with (
            aiohttp.ClientSession(headers=self._headers) as http,
            http.post(f"{self._base_url}/api/{path}", json=body, ssl=self._verified) as response,
        ):
            answer = await response.json()
            if response.status != 200:
                raise Refused(response.status, answer)
        self.session_id, self.resume_token = answer["session_id"], answer["resume_token"]
        await self.pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))

    def send(self, message: Message | str) -> None:
        """Say something on the events channel, or on the only one."""
        self._events().send(message if isinstance(message, str) else json.dumps(message))

    def _events(self) -> RTCDataChannel:
        return self.channels.get("events") or next(iter(self.channels.values()))

    async def messages(self) -> AsyncIterator[Message]:
        """Messages as they come, until the connection ends."""
        while (message := await self._received.get()) is not None:
            yield message

    async def wait_for(self, kind: str, timeout_s: float = 15, **wanted: object) -> Message:
        """The next message of ``type`` kind whose keys have the wanted values; others fall."""
        async with asyncio.timeout(timeout_s):
            async for message in self.messages():
                if message["type"] == kind and all(message[k] == v for k, v in wanted.items()):
                    return message
        raise ConnectionError(f"the connection ended before a {kind} message")

    async def fetch(self, path: str) -> bytes:
        """GET a path that a message named. Raises Refused."""
        async with (
            aiohttp.ClientSession(headers=self._headers) as http,
            http.get(f"{self._base_url}{path}", ssl=self._verified) as response,
        ):
            if response.status != 200:
                raise Refused(response.status, await response.json())
            return await response.read()

    async def send_still(self, jpeg: bytes, picture: str | None = None) -> bool:
        """Hand in a full-resolution JPEG of the picture being taken, for a session opened with
        ``stills=True``; False when it came too late. ``picture``: as ``state`` named it. Raises
        Refused."""
        named = {} if picture is None else {"picture": picture}
        async with (
            aiohttp.ClientSession(headers=self._headers) as http,
            http.post(
                f"{self._base_url}/api/sessions/{self.session_id}/still",
                params=named,
                data=jpeg,
                headers={"Content-Type": "image/jpeg"},
                ssl=self._verified,
            ) as response,
        ):
            answer = await response.json()
            if response.status != 200:
                raise Refused(response.status, answer)
            return bool(answer["taken"])

    def send_still_here(self, jpeg: bytes, picture: str | None = None) -> None:
        """The same over the events channel, for whoever has no way but the peer connection. What
        comes of it is the picture's ``result``, or an ``error``."""
        self.send({"type": "still", "size_bytes": len(jpeg), "picture": picture})
        channel = self._events()
        for start in range(0, len(jpeg), _CHUNK_BYTES):
            channel.send(jpeg[start : start + _CHUNK_BYTES])

    async def close(self) -> None:
        """Close the connection; the server keeps the session until its resume time is over."""
        await self.pc.close()
