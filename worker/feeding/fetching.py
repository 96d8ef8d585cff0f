"""The address of a feed: fetched by HTTPS into a private file, if it has changed, and taken in as an export."""

import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests import Response, exceptions

from worker.feeding.run import FeedFault, FeedRun
from worker.feeding.secrets import read_secret
from worker.feeding.taking import take_export
from worker.feeds import FileRefused, open_feed
from worker.importing import ImportedElsewhere

CHUNK = 64 * 1024
_CONNECT_WITHIN = 10.0
_AGENT = "vitec-sync"
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)

_STATUS = {
    401: ("login_refused", "it refuses the login: correct the user name, or the secret in its file"),
    403: ("login_refused", "it forbids this login to read that: have it allowed there"),
    404: ("not_found", "there is nothing at that address: correct `url`"),
    410: ("not_found", "there is nothing at that address any more: correct `url`"),
    429: ("busy", "it is asked too often: raise `every`"),
    503: ("busy", "it is not available at the moment"),
}


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document that was fetched: the file that holds it, and the marks by which it is known again."""

    path: Path
    etag: str | None
    last_modified: str | None


def run_url(run: FeedRun) -> None:
    """Fetch the address, and take in what has changed. Raises `FeedFault`."""
    try:
        with tempfile.TemporaryDirectory(prefix="vitec-sync-") as folder:
            fetched = _fetch(run, Path(folder))
            if fetched is not None:
                _take_document(run, fetched)
    except OSError as error:
        text = f"The answer cannot be kept on this machine ({error.strerror}): make room in the folder for temporary files."
        raise FeedFault("disk_full", text) from None


def _take_document(run: FeedRun, fetched: Fetched) -> None:
    memory = replace(run.memory, etag=fetched.etag, last_modified=fetched.last_modified)
    try:
        with open_feed(fetched.path) as source:
            if source.sha256 != run.memory.content_hash:
                take_export(run, source)
            memory = replace(memory, content_hash=source.sha256, headings=run.memory.headings)
    except FileRefused as refusal:
        text = f"The answer of {name_address(run.config.url or '')} was refused: {refusal.wrong}. {refusal.remedy}."
        raise FeedFault("refused", text) from None
    except ImportedElsewhere:
        return
    # Known again only when all of it is recorded: until then it is fetched anew.
    run.memory = memory


def _fetch(run: FeedRun, folder: Path) -> Fetched | None:
    """Fetch the document; None: it has not changed, or there is none."""
    config, began_at = run.config, monotonic()
    headers = {"User-Agent": _AGENT, "Accept": "*/*"}
    if run.memory.etag:
        headers["If-None-Match"] = run.memory.etag
    if run.memory.last_modified:
        headers["If-Modified-Since"] = run.memory.last_modified
    login = FeedLogin(run)
    with requests.Session() as session, _as_faults(config.url or ""):
        verify: Any = str(config.ca_bundle or run.ca_bundle) if config.ca_bundle or run.ca_bundle else True
        response = session.get(
            config.url or "",
            headers=headers,
            auth=login,
            stream=True,
            allow_redirects=False,
            timeout=(min(_CONNECT_WITHIN, config.timeout), config.timeout),
            verify=verify,
        )
        with response, _deadline(response, config.timeout - (monotonic() - began_at)):
            if not _has_document(response, config.url or ""):
                return None
            path = folder / _name_file(config.url or "", config.name)
            size = _save(run, response, path)
    if not size:
        return None
    return Fetched(path, response.headers.get("ETag"), (response.headers.get("Last-Modified") or "")[:100] or None)


class FeedLogin(requests.auth.AuthBase):
    """The feed's login, read anew for each run. Without one nothing is sent, whatever a .netrc says."""

    def __init__(self, run: FeedRun) -> None:
        config = run.config
        self._header, self._value = "Authorization", ""
        if config.username is not None:
            password = read_secret(run, config.password_file, config.password_env, "the password")
            self._value = requests.auth._basic_auth_str(  # noqa: SLF001 (the form of RFC 7617, in UTF-8)
                config.username.encode(), password.encode()
            )
        elif config.token_file is not None or config.token_env is not None:
            token = read_secret(run, config.token_file, config.token_env, "the token")
            if not token.isascii():
                raise FeedFault("secret_missing", "The token holds a letter that no header can: correct it.")
            self._header = config.token_header or self._header
            self._value = token if config.token_header else f"Bearer {token}"

    def __call__(self, request: Any) -> Any:
        """Add the header."""
        if self._value:
            request.headers[self._header] = self._value
        return request


class _TooLate(Exception):  # noqa: N818 (a fact)
    """The answer was not complete in time."""


@contextmanager
def _deadline(response: Response, seconds: float) -> Iterator[None]:
    """Cut the answer off when its time is up, however slowly its bytes come."""
    is_over = threading.Event()

    def cut() -> None:
        is_over.set()
        with suppress(Exception):
            response.raw.shutdown()

    timer = threading.Timer(max(0.0, seconds), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except exceptions.RequestException:
        if is_over.is_set():
            raise _TooLate from None
        raise
    finally:
        timer.cancel()
    if is_over.is_set():
        raise _TooLate


def _has_document(response: Response, url: str) -> bool:
    """Tell whether the answer holds a document; raise `FeedFault` for an answer that is none."""
    status, place = response.status_code, name_address(url)
    if status in {204, 304}:
        return False
    if 300 <= status < 400:
        text = f"{place} leads to another address (status {status}), and a login is not carried on: give the last one."
        raise FeedFault("redirected", text)
    if status != 200:
        code, why = _STATUS.get(status, ("http_status", "look there"))
        raise FeedFault(code, f"{place} answered with status {status}: {why}.")
    if response.headers.get("Content-Type", "").partition(";")[0].strip().lower() in {
        "text/html",
        "application/xhtml+xml",
    }:
        raise _page_fault(url)
    return True


def _page_fault(url: str) -> FeedFault:
    text = f"{name_address(url)} answered with a page of HTML, not with data: a login or an error, mostly."
    return FeedFault("not_data", f"{text} Look at it in a browser, and correct `url` or the login.")


def _save(run: FeedRun, response: Response, path: Path) -> int:
    limit, size, start = run.config.max_megabytes * 1024 * 1024, 0, b""
    with path.open("xb") as file:
        for chunk in response.iter_content(CHUNK):
            run.check()
            size += len(chunk)
            if size > limit:
                text = (
                    f"The answer is larger than {run.config.max_megabytes} MB: raise `max_megabytes`, or export less."
                )
                raise FeedFault("too_large", text)
            if len(start) < CHUNK:
                start += chunk
            file.write(chunk)
    if _HTML.match(start):
        raise _page_fault(run.config.url or "")
    return size


def _name_file(url: str, name: str) -> str:
    """Name the file as the address does, since its ending may mean something; else as the feed."""
    last = unquote(urlsplit(url).path).rpartition("/")[2]
    return last if re.fullmatch(r"[\w.-]{1,100}", last) and not last.startswith(".") else name


def name_address(url: str) -> str:
    """Name an address for people: without its query, in which a secret may stand."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


@contextmanager
def _as_faults(url: str) -> Iterator[None]:
    """Turn the library's errors into faults; of their texts, which hold the address with its query, nothing is kept."""
    place = name_address(url)
    try:
        yield
    except (_TooLate, exceptions.Timeout):
        raise FeedFault("slow", f"{place} did not answer in full within `timeout`: raise it, or export less.") from None
    except exceptions.SSLError:
        text = f"The certificate of {place} is not accepted: name the ones to trust in `ca_bundle`, or correct `url`."
        raise FeedFault("tls", text) from None
    except (exceptions.ChunkedEncodingError, exceptions.ContentDecodingError):
        raise FeedFault("cut_off", f"The answer of {place} was cut off, or is damaged. It is fetched again.") from None
    except exceptions.ConnectionError as error:
        why = "its host is not known" if "resolve" in str(error).lower() else "no connection can be made, or it was cut"
        raise FeedFault("unreachable", f"{place} cannot be reached ({why}). It is tried again.") from None
    except exceptions.RequestException as error:
        raise FeedFault("http", f"{place} cannot be fetched ({type(error).__name__}): correct `url`.") from None
