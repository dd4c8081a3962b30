"""What the doors find in the application, typed."""

from __future__ import annotations

from aiohttp import web

from core.settings import DoorSettings, MediaSettings, SignalingSettings
from media.adaptations import IceOptions
from media.peer import PeerSettings
from media.surroundings import Surroundings
from media.uploads import Uploads
from signaling.ice import own_ice_servers
from signaling.sessions import SessionRegistry

REGISTRY = web.AppKey("registry", SessionRegistry)
SIGNALING = web.AppKey("signaling", SignalingSettings)
MEDIA = web.AppKey("media", MediaSettings)
DOORS = web.AppKey("doors", DoorSettings)
SURROUNDINGS = web.AppKey("surroundings", Surroundings)
STARTED_S = web.AppKey("started_s", float)
UPLOADS = web.AppKey("uploads", Uploads)


def peer_settings(app: web.Application) -> PeerSettings:
    """For one new peer: TURN credentials are made afresh each time, as they expire."""
    media = app[MEDIA]
    return PeerSettings(
        ice_servers=own_ice_servers(app[SIGNALING]),
        ice=IceOptions(
            ports=media.port_range,
            public_addresses=tuple(media.public_addresses),
            loopback=media.loopback,
        ),
        start_bitrate_kbps=media.start_bitrate_kbps,
        loss_wait_ms=media.loss_wait_ms,
    )
