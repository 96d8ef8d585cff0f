"""An address is fetched with its login, if it has changed; an answer that is no data is named, and taken in by none."""

from __future__ import annotations

import base64
import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.importing.exports import HEADINGS, comeback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.feeding.stage import Stage


def document(*ids: str) -> bytes:
    return "".join(";".join(row) + "\n" for row in (HEADINGS, *map(comeback, ids))).encode()


class Web:
    """A server on loopback that answers as the test says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: Callable[[Any], None] = self.plain(document("A-1"))
        self.requests: list[dict[str, str]] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.requests.append(dict(self.headers))
                web.answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/export/comebacks.csv?key=hemligt"

    @staticmethod
    def plain(body: bytes, status: int = 200, **headers: str) -> Callable[[Any], None]:
        def answer(handler: Any) -> None:
            handler.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            handler.wfile.write(body)

        return answer


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.thread.join()


def write(stage: Stage, web: Web, extra: str = "") -> None:
    stage.write_feeds(f'[feeds.calendar]\nurl = "{web.url}"\nkind = "comeback"\ntimeout = 1\n{extra}')


def test_a_document_is_taken_in_and_known_again(stage: Stage, web: Web) -> None:
    web.answer = web.plain(document("A-1"), ETag='"1"', Last_Modified="Tue, 01 Dec 2026 09:00:00 GMT")
    write(stage, web)
    stage.scan()
    web.answer = web.plain(b"", 304)
    stage.scan()
    assert stage.operations() == ["A-1"]
    assert stage.files()[0].name == "comebacks.csv"
    assert web.requests[1]["If-None-Match"] == '"1"'
    assert web.requests[1]["If-Modified-Since"] == "Tue, 01 Dec 2026 09:00:00 GMT"


def test_the_same_document_without_marks_is_taken_in_once(stage: Stage, web: Web) -> None:
    write(stage, web)
    for _ in range(3):
        stage.scan()
    assert len(stage.files()) == 1


def test_a_changed_document_is_taken_in(stage: Stage, web: Web) -> None:
    write(stage, web)
    stage.scan()
    web.answer = web.plain(gzip.compress(document("A-1", "A-2")), Content_Encoding="gzip")
    stage.scan()
    assert stage.operations() == ["A-1", "A-2"]


@pytest.mark.parametrize(
    ("extra", "header", "value"),
    [
        (
            'username = "åsa"\npassword_file = "secret"',
            "Authorization",
            "Basic " + base64.b64encode("åsa:hemligt".encode()).decode(),
        ),
        ('token_file = "secret"', "Authorization", "Bearer hemligt"),
        ('token_file = "secret"\ntoken_header = "X-Api-Key"', "X-Api-Key", "hemligt"),
    ],
)
def test_a_login_comes_from_its_file(stage: Stage, web: Web, extra: str, header: str, value: str) -> None:
    (stage.folder / "secret").write_text("hemligt\n", encoding="utf-8")
    write(stage, web, extra)
    stage.scan()
    assert web.requests[0][header] == value


def test_without_a_login_none_is_sent(stage: Stage, web: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    write(stage, web)
    stage.scan()
    assert "Authorization" not in web.requests[0]


def drip(handler: Any) -> None:
    """Answer a byte at a time, for longer than the feed waits."""
    handler.send_response(200)
    handler.end_headers()
    gate = threading.Event()
    try:
        for _ in range(60):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            gate.wait(0.1)
    except OSError:
        return


def cut(handler: Any) -> None:
    """Promise extra than is sent."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(document("A-1"))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Web.plain(b"<html><body>Log in</body></html>", Content_Type="text/html; charset=utf-8"), "not_data"),
        (Web.plain(b"\n<!-- x --><!DOCTYPE html><p>Log in", Content_Type="text/csv"), "not_data"),
        (Web.plain(b"", 302, Location="https://elsewhere.example/"), "redirected"),
        (Web.plain(b"", 401), "login_refused"),
        (Web.plain(b"", 403), "login_refused"),
        (Web.plain(b"", 404), "not_found"),
        (Web.plain(b"", 503), "busy"),
        (Web.plain(b"", 500), "http_status"),
        (Web.plain(b"\x00\x01\x02"), "refused"),
        (Web.plain(b"not gzip", Content_Encoding="gzip"), "cut_off"),
        (Web.plain(document(*map(str, range(50_000)))), "too_large"),
        (drip, "slow"),
        (cut, "cut_off"),
    ],
)
def test_another_answer_is_one_finding(
    stage: Stage, web: Web, answer: Callable[[Any], None], code: str, caplog: pytest.LogCaptureFixture
) -> None:
    web.answer = answer
    write(stage, web, "max_megabytes = 1\n")
    stage.scan()
    feed = stage.feed()
    assert feed.finding_code == code
    assert "hemligt" not in feed.finding + caplog.text
    assert stage.operations() == []
    web.answer = web.plain(document("A-1"))
    stage.scan()
    assert stage.operations() == ["A-1"]
    assert stage.feed().finding_code is None


def test_an_empty_answer_is_nothing_new(stage: Stage, web: Web) -> None:
    web.answer = web.plain(b"")
    write(stage, web)
    stage.scan()
    assert stage.feed().finding_code is None
    assert stage.feed().last_new_at is None


def test_a_server_that_is_not_there_is_one_finding(stage: Stage, web: Web) -> None:
    stage.write_feeds('[feeds.calendar]\nurl = "http://127.0.0.1:1/x"\nkind = "comeback"\n')
    stage.scan()
    assert stage.feed().finding_code == "unreachable"


def test_another_form_stops_the_feed(stage: Stage, web: Web) -> None:
    write(stage, web)
    stage.scan()
    web.answer = web.plain(document("A-2").replace(b"note", b"text"))
    stage.scan()
    assert stage.feed().stopped_at is not None
    assert stage.feed().finding_code == "format_changed"


def test_the_marks_of_a_refused_document_are_not_kept(stage: Stage, web: Web) -> None:
    web.answer = web.plain(b"\x00", ETag='"1"')
    write(stage, web)
    stage.scan()
    stage.scan()
    assert "If-None-Match" not in web.requests[1]
