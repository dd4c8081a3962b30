"""ICE servers, with TURN credentials that expire.

The credentials are those of draft-uberti-behave-turn-rest-00, which coturn calls
``use-auth-secret``: the user name is the time of expiry, the password its HMAC.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import NotRequired, TypedDict

from aiortc import RTCIceServer

from core.settings import SignalingSettings


def turn_credentials(secret: str, ttl_s: int, now_s: float) -> tuple[str, str]:
    """User name ``EXPIRY:lobbylens`` and its password, base64 of HMAC-SHA1."""
    username = f"{int(now_s) + ttl_s}:lobbylens"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(digest).decode()


class IceServer(TypedDict):
    """A browser's RTCIceServer (W3C WebRTC, section 4.2.4)."""

    urls: list[str]
    username: NotRequired[str]
    credential: NotRequired[str]


def ice_servers(settings: SignalingSettings, now_s: float | None = None) -> list[IceServer]:
    """RTCIceServer dictionaries as a browser takes them; empty unless the operator set some."""
    servers: list[IceServer] = []
    if settings.stun_urls:
        servers.append({"urls": list(settings.stun_urls)})
    if settings.turn_urls:
        server: IceServer = {"urls": list(settings.turn_urls)}
        if settings.turn_secret is not None:
            now_s = time.time() if now_s is None else now_s
            secret = settings.turn_secret.get_secret_value()
            username, credential = turn_credentials(secret, settings.turn_ttl_s, now_s)
            server["username"], server["credential"] = username, credential
        servers.append(server)
    return servers


def own_ice_servers(settings: SignalingSettings) -> tuple[RTCIceServer, ...]:
    """The same servers for our own side of the connection."""
    return tuple(
        RTCIceServer(
            urls=server["urls"],
            username=server.get("username"),
            credential=server.get("credential"),
        )
        for server in ice_servers(settings)
    )


def link_headers(settings: SignalingSettings) -> list[str]:
    """``Link`` header values for WHIP (RFC 9725, section 4.6)."""
    links = []
    for server in ice_servers(settings):
        for url in server["urls"]:
            link = f'<{url}>; rel="ice-server"'
            if "username" in server:
                link += (
                    f'; username="{server["username"]}"; credential="{server["credential"]}"'
                    '; credential-type="password"'
                )
            links.append(link)
    return links
