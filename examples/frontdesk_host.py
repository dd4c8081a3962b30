"""A front desk of its own origin that embeds LobbyLens: plain HTML at ``/``, React at ``/react``.

``python -m examples.frontdesk_host --lens http://127.0.0.1:8080 --port 8090``, and start LobbyLens
with ``--page.frame-ancestors http://127.0.0.1:8090``. The desk's own sign-in would stand before
``/desk.json``, which hands the token to the page that a clerk has opened.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import re
from pathlib import Path

from aiohttp import web

HERE = Path(__file__).resolve().parent
PAGES = HERE / "frontdesk"
VENDOR = HERE / "node_modules"


def import_map_hash(html: str) -> str:
    """CSP source of the page's import map, which browsers take inline only (CSP 3, 8.1)."""
    found = re.search(r'<script type="importmap">(.*?)</script>', html, re.DOTALL)
    if found is None:
        return ""
    digest = hashlib.sha256(found[1].encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def make_host(lens: str, token: str = "", *, specimen: bool = False) -> web.Application:
    """The desk's server. ``lens`` is the origin of LobbyLens, without a slash at its end."""
    texts = {name: (PAGES / f"{name}.html").read_text() for name in ("index", "react")}
    files = {path.name: path.read_bytes() for path in PAGES.iterdir()}

    def page(name: str) -> web.Response:
        policy = (
            f"default-src 'self'; script-src 'self' {lens} {import_map_hash(texts[name])}; "
            f"frame-src {lens}; object-src 'none'; base-uri 'none'"
        )
        headers = {"Content-Security-Policy": policy}
        return web.Response(text=texts[name], content_type="text/html", headers=headers)

    async def plain(request: web.Request) -> web.Response:
        return page("index")

    async def react(request: web.Request) -> web.Response:
        return page("react")

    async def settings(request: web.Request) -> web.Response:
        told = {"lens": lens, "token": token, "specimen": specimen}
        return web.json_response(told, headers={"Cache-Control": "no-store"})

    async def file(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in files:
            raise web.HTTPNotFound
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        return web.Response(body=files[name], content_type=kind)

    async def no_icon(request: web.Request) -> web.Response:
        return web.Response(status=204)

    app = web.Application()
    app.router.add_get("/favicon.ico", no_icon)
    app.router.add_get("/", plain)
    app.router.add_get("/react", react)
    app.router.add_get("/desk.json", settings)
    for package in ("react", "react-dom"):
        if (VENDOR / package / "umd").is_dir():
            app.router.add_static(f"/vendor/{package}/umd", VENDOR / package / "umd")
    app.router.add_get(r"/{name:[\w.]+}", file)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lens", default="http://127.0.0.1:8080", help="origin of LobbyLens")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--specimen", action="store_true", help="play the drawn specimen")
    chosen = parser.parse_args()
    token = os.environ.get("LOBBYLENS_API_TOKEN", "")
    app = make_host(chosen.lens.rstrip("/"), token, specimen=chosen.specimen)
    web.run_app(app, host="127.0.0.1", port=chosen.port)


if __name__ == "__main__":
    main()
