"""The judge over HTTP, against a server on this machine that can do everything wrong."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import ftui.schemas
from ftui.core.rating import NAMES
from ftui.errors import FtuiError
from ftui.services import judge_endpoint
from ftui.services.files import read_json
from ftui.services.judge import judge_by_endpoint
from ftui.services.judge_endpoint import NoAnswer, ask, endpoint_of

Behaviour = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]
FIRST_IS_BETTER = json.dumps(dict.fromkeys(NAMES, 1))


class Server:
    """A stand-in endpoint. seen: what it was sent, with its headers."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, Any], dict[str, str]]] = []
        self.behave: Behaviour = says(FIRST_IS_BETTER)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.seen.append((body, dict(self.headers)))
                outer.behave(self, body)

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                return None

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def reply(handler: BaseHTTPRequestHandler, body: bytes, code: int = 200, **headers: str) -> None:
    handler.send_response(code)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def says(text: str) -> Behaviour:
    whole = json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()
    return lambda handler, _: reply(handler, whole)


def prefers(word: str) -> Behaviour:
    """A judge that prefers the answer with this word, wherever it stands."""

    def behave(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        asked = body["messages"][1]["content"]
        key = 5 if word in asked[asked.index("<<ANSWER B") :] else 1
        says(json.dumps(dict.fromkeys(NAMES, key)))(handler, body)

    return behave


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.delenv("FTUI_JUDGE_KEY", raising=False)
    monkeypatch.setattr(judge_endpoint.time, "sleep", lambda _: None)
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


MESSAGES = [{"role": "user", "content": "x"}]


def test_a_key_from_the_environment_goes_into_the_header_and_nowhere_else(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTUI_JUDGE_KEY", "sk-secret")
    assert ask(endpoint_of(server.url, "m"), MESSAGES) == FIRST_IS_BETTER
    body, headers = server.seen[0]
    assert headers["Authorization"] == "Bearer sk-secret"
    assert "sk-secret" not in json.dumps(body)
    assert (body["model"], body["temperature"]) == ("m", 0)
    monkeypatch.delenv("FTUI_JUDGE_KEY")
    ask(endpoint_of(server.url + "/v1/", "m"), MESSAGES)
    assert "Authorization" not in server.seen[1][1]


def test_a_redirect_is_not_followed_and_says_where_it_leads(server: Server) -> None:
    other = Server()
    server.behave = lambda handler, _: reply(handler, b"", 307, Location=f"{other.url}/v1/chat/completions")
    with pytest.raises(FtuiError, match="redirects"):
        ask(endpoint_of(server.url, "m"), MESSAGES)
    assert other.seen == []
    other.http.shutdown()
    other.http.server_close()


def test_a_judge_that_does_not_answer_in_time(server: Server) -> None:
    server.behave = lambda *_: threading.Event().wait(1.0) and None  # type: ignore[func-returns-value]
    started = time.monotonic()
    with pytest.raises(NoAnswer, match=r"within 0\.1 s"):
        ask(endpoint_of(server.url, "m", timeout_seconds=0.1), MESSAGES)
    assert time.monotonic() - started < 20
    assert len(server.seen) == 3


def test_a_judge_that_drips_its_answer(server: Server) -> None:
    def drip(handler: BaseHTTPRequestHandler, _: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(20):
            try:
                handler.wfile.write(b" ")
                handler.wfile.flush()
            except OSError:
                return
            threading.Event().wait(0.05)

    server.behave = drip
    with pytest.raises(NoAnswer, match="slowly"):
        ask(endpoint_of(server.url, "m", timeout_seconds=0.3), MESSAGES)


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"<html>Bad gateway</html>", "form"), (b"[]", "form"), (b'{"choices": []}', "form"),
     (b'{"choices":[{"message":{"content":[1]}}]}', "no text"), (b"x" * (2 << 20), "MiB"), (b"\xff\xfe", "form")],
)  # fmt: skip
def test_garbage(server: Server, body: bytes, said: str) -> None:
    server.behave = lambda handler, _: reply(handler, body)
    with pytest.raises(NoAnswer, match=said):
        ask(endpoint_of(server.url, "m"), MESSAGES)


def test_server_errors_are_tried_again(server: Server) -> None:
    def behave(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        if len(server.seen) < 3:
            reply(handler, b"busy", (500, 429)[len(server.seen) - 1], Retry_After="0")
        else:
            says("now")(handler, body)

    server.behave = behave
    assert ask(endpoint_of(server.url, "m"), MESSAGES) == "now"


@pytest.mark.parametrize(("code", "said"), [(401, "refuses"), (403, "refuses"), (404, "--judge-model"), (400, "400")])
def test_what_no_second_try_would_mend_is_said_at_once(
    server: Server, code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTUI_JUDGE_KEY", "sk-secret")
    server.behave = lambda handler, _: reply(handler, b"no: sk-secret\x1b[31m", code)
    with pytest.raises(FtuiError) as caught:
        ask(endpoint_of(server.url, "m"), MESSAGES)
    assert said in f"{caught.value} {caught.value.hint}"
    assert "sk-secret" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(server.seen) == 1


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FTUI_JUDGE_KEY", raising=False)
    with pytest.raises(FtuiError, match="cannot be reached"):
        ask(endpoint_of("http://127.0.0.1:9", "m"), MESSAGES)


@pytest.mark.parametrize(
    "url", ["", "judge", "file:///etc/passwd", "ftp://x/v1", "https://user:word@host/v1", "http://judge.example/v1"]
)
def test_addresses_that_are_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTUI_JUDGE_KEY", "sk-secret")
    with pytest.raises(FtuiError):
        endpoint_of(url, "m")


def scored(folder: Path, rows: int) -> Path:
    (folder / "eval").mkdir()
    lines = [
        {"id": n, "prompt": f"p{n}", "reference": "", "base": f"plain {n}", "tuned": f"golden {n}"} for n in range(rows)
    ]
    (folder / "eval" / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_pairs_are_judged_in_both_orders_and_kept(server: Server, tmp_path: Path) -> None:
    server.behave = prefers("golden")
    folder, endpoint = scored(tmp_path, 8), endpoint_of(server.url, "m")
    verdict = read_json(judge_by_endpoint(folder, endpoint))
    jsonschema.validate(verdict, read_json(Path(ftui.schemas.__file__).parent / "judge.json"))
    assert len(server.seen) == 16
    assert verdict["criteria"]["accuracy"]["win_rate"] == 1.0
    assert verdict["reliable"] is True
    assert read_json(judge_by_endpoint(folder, endpoint)) == verdict
    assert len(server.seen) == 16, "everything was kept"
    judge_by_endpoint(folder, endpoint_of(server.url, "other"))
    assert len(server.seen) == 32, "another model is another judge"


def test_a_judge_that_always_takes_the_first_is_told_apart(server: Server, tmp_path: Path) -> None:
    verdict = read_json(judge_by_endpoint(scored(tmp_path, 6), endpoint_of(server.url, "m")))
    assert verdict["criteria"]["accuracy"]["win_rate"] == 0.5
    assert verdict["consistency"]["accuracy"] == 0.0
    assert verdict["reliable"] is False


def test_refused_rows_are_counted_and_left_out(server: Server, tmp_path: Path) -> None:
    def behave(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        if "plain 3" in body["messages"][1]["content"]:
            says("I'm sorry, I can't compare these.")(handler, body)
        else:
            prefers("golden")(handler, body)

    server.behave = behave
    verdict = read_json(judge_by_endpoint(scored(tmp_path, 6), endpoint_of(server.url, "m")))
    assert (verdict["rows"], verdict["failed"]) == (5, 1)


def test_a_judge_that_only_fails_is_given_up_and_what_it_said_is_kept(server: Server, tmp_path: Path) -> None:
    def behave(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        asked = body["messages"][1]["content"]
        (prefers("golden") if "plain 0" in asked else says("no"))(handler, body)

    server.behave = behave
    folder = scored(tmp_path, 40)
    with pytest.raises(FtuiError, match="no usable answers"):
        judge_by_endpoint(folder, endpoint_of(server.url, "m"))
    assert not (folder / "eval" / "judge.json").exists()
    assert len((folder / "eval" / "judge.jsonl").read_text().splitlines()) == 2


def test_people_who_rate_later_and_answers_that_change_are_seen(server: Server, tmp_path: Path) -> None:
    from ftui.core.plan import from_mapping
    from ftui.services.judge import current_judgement
    from ftui.services.plans import save_plan
    from ftui.services.rating import open_session
    from ftui.services.runs import Run

    server.behave = prefers("golden")
    folder = scored(tmp_path, 4)
    judge_by_endpoint(folder, endpoint_of(server.url, "m"))
    assert current_judgement(folder)["people"] == {}
    save_plan(from_mapping({"model": {"id": "m"}, "data": {"train": "t"}}), folder / "plan.yaml")
    session = open_session(Run(folder), "anna")
    while (item := session.next_item()) is not None:
        session.rate(item, dict.fromkeys(NAMES, 5 if item.right.startswith("golden") else 1))
    assert current_judgement(folder)["people"]["accuracy"] == {"rows": 4, "same_winner": 1.0, "alpha": None}
    samples = folder / "eval" / "samples.jsonl"
    samples.write_text(samples.read_text().replace("golden 1", "leaden 1"))
    assert current_judgement(folder) == {}
