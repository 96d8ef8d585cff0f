"""A batch goes to an address of the CRM by POST, signed as Standard Webhooks are, and is told only after a 2xx.

The batch's name is the message's id: the CRM may get the same id again, and then has it already if it said yes before.
"""

import base64
import binascii
import hashlib
import hmac
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from worker.outbox.upkeep.result_batches import Batch
from worker.results.config import ResultsConfig
from worker.results.naming import choose_columns, make_picker
from worker.results.secrets import read_secret
from worker.results.sinks import Destination, SinkFailed, Writer
from worker.results.writing import COLUMNS, dump_json
from worker.tls import Socket

DEADLINE: Final = 30.0
"""Seconds for the whole request, from the name's look-up to the status of the answer."""

_CONNECT: Final = 10.0
_PREFIX: Final = "whsec_"
"""So begins a secret in the form of Standard Webhooks: Base64 follows. Any other text is taken as it stands, in UTF-8."""

_SHORTEST: Final = 16
_READ_AT_MOST: Final = 1 << 20
_LATE: Final = "it does not answer in time"
_HEADERS: Final = {"content-type": "application/json; charset=utf-8", "user-agent": "vitec-sync"}


def deliver(writer: Writer, batch: Batch) -> Batch:
    """Send the batch. Raises SinkFailed unless the CRM said yes, and SinkLost."""
    config = writer.destination.config
    name = writer.destination.name_batch(batch.number)
    key = _read_key(writer.destination)
    results = list(_name_rows(writer, batch))
    if results:
        body = dump_json({"batch": name, "feed": writer.destination.feed, "results": results}).encode()
        writer.keep()
        writer.check()
        fault = _post(config, body, sign(name, body, key, int(time.time())))
        if fault is not None:
            raise SinkFailed(f"{urlsplit(config.post or '').hostname} has not taken the results: {fault}.")
    return batch


def sign(name: str, body: bytes, key: bytes, timestamp: int) -> dict[str, str]:
    """Make the headers of a message: its id, its time, and the HMAC-SHA256 over `id.time.body` in Base64."""
    digest = hmac.new(key, f"{name}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": name, "webhook-timestamp": str(timestamp), "webhook-signature": signature}


def _name_rows(writer: Writer, batch: Batch) -> Iterator[Mapping[str, Any]]:
    names = writer.destination.names
    if names is None:
        yield from writer.read(batch)
        return
    columns = choose_columns(names, COLUMNS)
    pick = make_picker(names, columns)
    for values in writer.read(batch):
        yield dict(zip(columns.values(), pick(values), strict=True))


def _read_key(destination: Destination) -> bytes:
    config = destination.config
    secret = read_secret(config.secret_file, config.secret_env, destination.variable)
    place = config.secret_file or config.secret_env
    if len(secret) < _SHORTEST:
        raise SinkFailed(f"The secret in {place} is shorter than {_SHORTEST} characters: make a longer one.")
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise SinkFailed(f"The secret in {place} begins with {_PREFIX}, and no Base64 follows.") from None


class _HeaderLines:
    """The lines of an answer. Python's own client takes the end of a cut connection for the end of the header."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.is_cut = False

    def readline(self, *limit: int) -> bytes:
        """Read a line, and notice one that does not end."""
        line: bytes = self._file.readline(*limit)
        self.is_cut = self.is_cut or not line.endswith(b"\n")
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _WholeResponse(http.client.HTTPResponse):
    """An answer of which the header has arrived to its end."""

    def begin(self) -> None:
        """Read status and header. Raises HTTPException where they were cut off."""
        lines: Any = _HeaderLines(self.fp)
        self.fp = lines
        super().begin()
        if lines.is_cut:
            raise http.client.IncompleteRead(b"")


class _Post:
    """One request, cut off at its deadline however slowly the other side drips."""

    def __init__(self, config: ResultsConfig) -> None:
        url = urlsplit(config.post or "")
        self._path = f"{url.path or '/'}{f'?{url.query}' if url.query else ''}"
        self._connection: http.client.HTTPConnection
        if url.scheme == "https":
            self._connection = http.client.HTTPSConnection(
                url.hostname or "", url.port, timeout=_CONNECT, context=_make_context(config)
            )
        else:
            self._connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=_CONNECT)
        self._connection.response_class = _WholeResponse
        self.is_late = False

    def send(self, body: bytes, headers: Mapping[str, str]) -> str | None:
        """Send it, and judge the answer: None if it was yes. Raises OSError and HTTPException."""
        timer = threading.Timer(DEADLINE, self._cut)
        timer.start()
        try:
            self._connection.connect()
            self._connection.sock.settimeout(DEADLINE)
            self._connection.request("POST", self._path, body, {**headers, **_HEADERS})
            answer = self._connection.getresponse()
            start = answer.read(_READ_AT_MOST)
            if answer.length and len(start) < _READ_AT_MOST:
                raise http.client.IncompleteRead(b"")
            return _LATE if self.is_late else _judge(answer)
        finally:
            timer.cancel()
            self._connection.close()

    def _cut(self) -> None:
        self.is_late = True
        open_socket: socket.socket | None = self._connection.sock
        if open_socket is not None:
            with suppress(OSError):
                # Not the method of a TLS socket, which another thread is reading.
                socket.socket.shutdown(open_socket, socket.SHUT_RDWR)


def _post(config: ResultsConfig, body: bytes, headers: Mapping[str, str]) -> str | None:
    """Post once; say in a few words why it was not taken, or None if it was."""
    try:
        request = _Post(config)
    except OSError:
        return f"{config.ca_bundle} cannot be read as certificates (PEM)"
    try:
        return request.send(body, headers)
    except TimeoutError:
        return _LATE
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is not accepted ({error.verify_message}); ca_bundle names others to trust"
    except ssl.SSLError:
        return "TLS fails (does the port speak TLS?)"
    except socket.gaierror:
        return "its host is not known"
    except ConnectionRefusedError:
        return "nothing listens at its address"
    except http.client.HTTPException:
        return _LATE if request.is_late else "its answer is none, or no HTTP"
    except OSError:
        return _LATE if request.is_late else "no connection can be made, or it was cut"


def _judge(response: http.client.HTTPResponse) -> str | None:
    status = response.status
    if 200 <= status < 300:
        is_page = (response.headers.get("content-type") or "").lower().startswith("text/html")
        return "a page of HTML came where a plain yes was due" if is_page else None
    if 300 <= status < 400:
        return f"it points elsewhere ({status}), which is never followed; correct the address"
    if status in {401, 403}:
        return f"it refuses the sender ({status}); compare the secrets of both sides"
    if status == 413:
        return "the batch is too large for it (413); lower most_bytes or most_rows"
    return f"it answered {status}"


def _make_context(config: ResultsConfig) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = Socket
    if config.ca_bundle is not None:
        context.load_verify_locations(cafile=config.ca_bundle)
    return context
