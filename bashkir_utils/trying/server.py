"""The page and its answers, served to this machine alone.

A page of another site that is open in the same browser must not reach the models: the ``Host`` of every request is
checked (DNS rebinding gives a foreign name this machine's address), as is the ``Origin`` of what is sent.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import webbrowser
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from socketserver import TCPServer
from threading import Thread
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from ..errors.coloured import NUMBERED_FROM, level_names, style_sheet
from ..exceptions import BashkirError, TryError
from .beside import LARGEST_SEED, LONGEST_PROMPT, MOST_NEW_TOKENS, Asked, Bench

HOST = "127.0.0.1"
HTTP_PORT = 80
NAMES = (HOST, "localhost")
"""What a browser on this machine may call it."""
LARGEST_BODY = 65_536
"""Bytes: the longest prompt has room, even if every sign of it is escaped."""
DRAINED = 16 * LARGEST_BODY
"""Bytes of a refused body that are read, so that its sender gets to read why."""
PATIENCE_SECONDS = 60
JSON = "application/json"
FILES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "/": ("page.html", "text/html; charset=utf-8"),
        "/page.css": ("page.css", "text/css; charset=utf-8"),
        "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    }
)
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
)
"""Of every answer: nothing from elsewhere, no script but the page's own, in no frame, kept nowhere."""


class PageServer(ThreadingHTTPServer):
    """Listens on this machine's own address alone; answers once :meth:`serve` is called.

    Raises:
        TryError: the port is taken, or may not be used.
    """

    def __init__(self, port: int) -> None:
        try:
            super().__init__((HOST, port), BaseHTTPRequestHandler)
        except (OSError, OverflowError) as error:
            reason = os.strerror(error.errno).lower() if isinstance(error, OSError) and error.errno else str(error)
            raise TryError(f"port {port} cannot be used, {reason}: name another by --port, 0 for a free one") from error

    def server_bind(self) -> None:
        """Bind without asking a name server what this machine is called."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_port}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """What the ``Host`` of a request to this page may be; browsers leave the port of HTTP out."""
        return (*(f"{name}:{self.server_port}" for name in NAMES), *(NAMES if self.server_port == HTTP_PORT else ()))

    def serve(self, bench: Bench) -> None:
        """Answer until :meth:`shutdown` or an interrupt."""
        self.RequestHandlerClass = partial(_Handler, bench)
        self.serve_forever()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print the traceback of what went wrong, unless whoever asked is gone."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def serve(server: PageServer, bench: Bench, *, browser: bool) -> None:
    """Say where the page is, open a browser if asked to, and answer until an interrupt."""
    print(f"open {server.url} (Ctrl-C ends it)", flush=True)
    if browser:
        # a browser of the terminal only comes back when it is left
        Thread(target=webbrowser.open, args=(server.url,), daemon=True).start()
    try:
        server.serve(bench)
    finally:
        bench.close()


class _Refused(Exception):  # noqa: N818 - not an error of this program
    """A request that gets a status and a sentence."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: PageServer
    timeout = PATIENCE_SECONDS
    server_version, sys_version = "bashkir", ""

    def __init__(self, bench: Bench, *arguments: Any) -> None:
        self.bench = bench
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """The page, its files and its settings."""
        try:
            self._check_host()
            self._send(HTTPStatus.OK, *self._found())
        except _Refused as refused:
            self._refuse(refused)

    def do_POST(self) -> None:
        """A prompt; the answer is what each model makes of it."""
        try:
            self._check_host()
            self._check_origin()
            asked = self._asked()
            answers = [asdict(answer) for answer in self.bench.answer(asked)]
            self._send(HTTPStatus.OK, _json({"models": _models(self.bench), "answers": answers}), JSON)
        except _Refused as refused:
            self._refuse(refused)
        except BashkirError as error:
            self._refuse(_Refused(HTTPStatus.UNPROCESSABLE_ENTITY, " ".join(str(error).split())))

    def end_headers(self) -> None:
        """Every answer is guarded, refusals too."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what was asked for comes from outside, and a terminal is not the place for it."""

    def _check_host(self) -> None:
        if self.headers.get("Host") not in self.server.hosts:
            raise _Refused(HTTPStatus.FORBIDDEN, "this page is served to this machine alone")

    def _check_origin(self) -> None:
        if self.headers.get("Origin") != f"http://{self.headers.get('Host')}":
            raise _Refused(HTTPStatus.FORBIDDEN, "prompts are taken from this page alone")

    def _found(self) -> tuple[bytes, str]:
        if self.path == "/settings":
            return _json(_settings(self.bench)), JSON
        if self.path == "/loss.css":
            return style_sheet().encode(), FILES["/page.css"][1]
        if self.path not in FILES:
            raise _Refused(HTTPStatus.NOT_FOUND, "there is no such page")
        name, kind = FILES[self.path]
        return (resources.files(__package__) / name).read_bytes(), kind

    def _asked(self) -> Asked:
        body = self._body()
        if self.path != "/continue":
            raise _Refused(HTTPStatus.NOT_FOUND, "there is no such page")
        if self.headers.get_content_type() != JSON:
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"a prompt comes as {JSON}")
        try:
            return Asked.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the request"
            raise _Refused(HTTPStatus.BAD_REQUEST, f"{where}: {first['msg']}") from error

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,18}", length):
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "a prompt comes with its length")
        if int(length) > LARGEST_BODY:
            self.rfile.read(min(int(length), DRAINED))
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a prompt has at most {LONGEST_PROMPT:,} characters")
        return self.rfile.read(int(length))

    def _refuse(self, refused: _Refused) -> None:
        self._send(refused.status, _json({"error": str(refused)}), JSON)

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        # whoever asked may be gone
        with contextlib.suppress(ConnectionError, TimeoutError):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=True, allow_nan=False).encode()


def _models(bench: Bench) -> list[dict[str, Any]]:
    """Whose answers they are; said with each, since a tab may be older than the server that now has its port."""
    return [{"name": side.name, "notes": side.notes} for side in bench.sides]


def _settings(bench: Bench) -> dict[str, Any]:
    """What the page needs to know before anything is asked."""
    how = bench.how
    return {
        "models": _models(bench),
        "decodings": list(how.decodings),
        "language": how.language or "",
        "new_tokens": how.new_tokens,
        "most_new_tokens": MOST_NEW_TOKENS,
        "seed": how.seed,
        "largest_seed": LARGEST_SEED,
        "longest_prompt": LONGEST_PROMPT,
        "levels": level_names(),
        "numbered_from": NUMBERED_FROM,
    }
