"""Tell the user outside the terminal: a shell command or a webhook that the plan names."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
import urllib.request

from ftui.core.plan import Plan
from ftui.core.secrets import redact, secrets_of
from ftui.core.text import clip
from ftui.services.runs import Run

WEBHOOK_TIMEOUT_SECONDS = 10
_threads: list[threading.Thread] = []


def send(plan: Plan, run: Run, code: str, message: str) -> None:
    """Run the plan's alert command and post to its webhook, without waiting for either.

    The command gets FTUI_RUN, FTUI_ALERT and FTUI_MESSAGE in its environment, so no text of a run is ever parsed by a
    shell. The webhook gets {"run", "alert", "message", "text"} as JSON; `$NAME` as its URL means the environment
    variable NAME, so that the secret which such URLs are stands in no plan.
    """
    text = clip(redact(message, known=secrets_of(os.environ)), 300)
    if plan.run.alert_command:
        environment = {**os.environ, "FTUI_RUN": run.name, "FTUI_ALERT": code, "FTUI_MESSAGE": text}
        with contextlib.suppress(OSError):
            process = subprocess.Popen(
                ["/bin/sh", "-c", plan.run.alert_command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            threading.Thread(target=process.wait, daemon=True).start()
    url = os.path.expandvars(plan.run.alert_webhook or "")
    if url.startswith(("https://", "http://")):
        body = {"run": run.name, "alert": code, "message": text, "text": f"ftui: {run.name}: {code}: {text}"}
        thread = threading.Thread(target=_post, args=(url, body), daemon=True)
        thread.start()
        _threads.append(thread)


def wait(seconds: float = WEBHOOK_TIMEOUT_SECONDS + 1.0) -> None:
    """Give posts that are under way the time to arrive; the last one says how a run ended."""
    until = time.monotonic() + seconds
    for thread in _threads:
        thread.join(max(0.0, until - time.monotonic()))


def _post(url: str, body: dict[str, str]) -> None:
    headers = {"Content-Type": "application/json"}
    with contextlib.suppress(OSError, ValueError):
        post = urllib.request.Request(url, json.dumps(body).encode(), headers)
        urllib.request.urlopen(post, timeout=WEBHOOK_TIMEOUT_SECONDS).close()
