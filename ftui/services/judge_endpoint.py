"""An OpenAI-compatible endpoint that is asked one thing at a time: no redirects, no endless waits, no secrets shown.

Only the standard library. The key comes from an environment variable and goes to the named host only; it is never sent
in the clear over a network.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ftui.core.text import clip
from ftui.errors import FtuiError

KEY_VARIABLE = "FTUI_JUDGE_KEY"
REPLY_BYTES_MAX = 1 << 20
ATTEMPTS = 3
WAIT_MAX_SECONDS = 30.0


class NoAnswer(Exception):
    """This question got no usable answer (after all attempts); the next one may."""


@dataclass(frozen=True)
class Endpoint:
    """url: of chat/completions. key: bearer token or empty. timeout_seconds: for one whole answer."""

    url: str
    model: str
    key: str = ""
    timeout_seconds: float = 60.0

    @property
    def host(self) -> str:
        """Where everything is sent."""
        return urlsplit(self.url).netloc


def endpoint_of(url: str, model: str, key_variable: str = KEY_VARIABLE, timeout_seconds: float = 60.0) -> Endpoint:
    """The endpoint behind what the user named: a server, its /v1, or the whole path. Raises FtuiError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FtuiError("That is no endpoint", f"--judge {url!r}", "Name one as https://HOST/v1.")
    if parts.username or parts.password:
        raise FtuiError(
            "No secrets in an address", "--judge holds a user name or password", f"Put the key into ${KEY_VARIABLE}."
        )
    if not model:
        raise FtuiError("Which model judges?", "--judge-model is missing", "Name one that the endpoint has.")
    if timeout_seconds <= 0:
        raise FtuiError("Wrong timeout", f"{timeout_seconds} seconds; it must be more than none")
    key = os.environ.get(key_variable, "")
    if key and parts.scheme == "http" and not _is_this_machine(parts.hostname):
        raise FtuiError(
            "The key would travel in the clear",
            f"{parts.netloc} is asked over http, and ${key_variable} is set",
            "Use https, or a tunnel: ssh -L 8000:HOST:8000, then --judge http://localhost:8000.",
        )
    path = parts.path.rstrip("/")
    if not path.endswith("/chat/completions"):
        path = (path or "/v1") + "/chat/completions"
    query = f"?{parts.query}" if parts.query else ""
    return Endpoint(f"{parts.scheme}://{parts.netloc}{path}{query}", model, key, timeout_seconds)


def ask(endpoint: Endpoint, messages: list[dict[str, str]], wait: float = 1.0) -> str:
    """The text of the endpoint's answer, at temperature 0.

    Raises NoAnswer after timeouts, server errors or nonsense; FtuiError for what no further question would mend: a
    refused key, an unknown model or path, a redirect, a host that cannot be reached. wait: seconds before the second
    attempt, doubled for the third.
    """
    body = {"model": endpoint.model, "messages": messages, "temperature": 0, "max_tokens": 1024}
    why = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(min(WAIT_MAX_SECONDS, wait * 2 ** (attempt - 1)))
        try:
            return _text_of(_post(endpoint, json.dumps(body).encode()))
        except _Later as later:
            why = str(later)
            wait = max(wait, later.seconds)
    raise NoAnswer(why)


class _Later(Exception):
    def __init__(self, why: str, seconds: float = 0.0) -> None:
        super().__init__(why)
        self.seconds = seconds


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Prompts and key are for the named host: whoever answers for it sends nobody elsewhere."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> None:
        fp.close()
        raise FtuiError(
            "The endpoint redirects",
            f"{urlsplit(req.full_url).netloc} sends to {clip(newurl, 100)}, and nothing was sent there",
            "If that is the right place, name it with --judge.",
        )


def _post(endpoint: Endpoint, body: bytes) -> bytes:
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "ftui"}
    if endpoint.key:
        headers["Authorization"] = f"Bearer {endpoint.key}"
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
    if _is_this_machine(urlsplit(endpoint.url).hostname or ""):
        handlers.append(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(endpoint.url, body, headers, method="POST")
    deadline = time.monotonic() + endpoint.timeout_seconds
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=endpoint.timeout_seconds) as response:
            return _read(response, deadline)
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(endpoint, error) from None
    except TimeoutError:
        raise _Later(f"no answer within {endpoint.timeout_seconds:g} s") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise _Later(f"no answer within {endpoint.timeout_seconds:g} s") from None
        if isinstance(error.reason, ConnectionResetError):
            raise _Later("the connection was cut") from None
        raise FtuiError("The judge cannot be reached", f"{endpoint.host}: {clip(str(error.reason), 150)}") from None
    except (http.client.HTTPException, ConnectionError) as error:
        raise _Later(f"the connection broke: {type(error).__name__}") from None
    except OSError as error:
        raise FtuiError("The judge cannot be reached", f"{endpoint.host}: {clip(str(error), 150)}") from None


def _read(response: Any, deadline: float) -> bytes:
    """The whole body: a server that sends a byte now and then must not hold us for ever."""
    parts, size = [], 0
    while part := response.read1(65536):
        parts.append(part)
        size += len(part)
        if size > REPLY_BYTES_MAX:
            raise _Later(f"its answer has more than {REPLY_BYTES_MAX >> 20} MiB")
        if time.monotonic() > deadline:
            raise _Later("its answer came too slowly")
    return b"".join(parts)


def _refusal(endpoint: Endpoint, error: urllib.error.HTTPError) -> Exception:
    said = clip(error.read(2000).decode("utf-8", "replace").replace(endpoint.key or "\0", "***"), 150)
    if error.code in (401, 403):
        hint = "It refused the key." if endpoint.key else f"It wants a key: put it into ${KEY_VARIABLE}."
        return FtuiError("The judge refuses", f"{endpoint.host}: {error.code} {said}", hint)
    if error.code == 429 or error.code >= 500:
        try:
            seconds = float(error.headers.get("Retry-After") or 0)
        except ValueError:
            seconds = 0.0
        return _Later(f"it answers {error.code}", seconds)
    return FtuiError(
        "The judge does not understand", f"{endpoint.url}: {error.code} {said}", "Are address and --judge-model right?"
    )


def _text_of(body: bytes) -> str:
    try:
        choice = json.loads(body)["choices"][0]
        text = choice["message"].get("content") or choice["message"].get("refusal") or ""
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise _Later("its answer is not of the OpenAI form") from None
    if not isinstance(text, str):
        raise _Later("its answer holds no text")
    return text


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
