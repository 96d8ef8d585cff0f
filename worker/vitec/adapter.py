"""The way from a prepared request to a connection of ours: requests without its detours."""

import logging
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util.retry import Retry

from worker.tls import Socket
from worker.vitec.connection import PlainPool, TlsPool

# urllib3 writes paths, and header lines that it cannot parse, to its log, some of it as warnings. Ids of contacts stand
# in the paths; so these loggers say nothing, whatever the logging configuration of the process.
for _name in ("connection", "connectionpool", "poolmanager", "response", "util.retry"):
    logging.getLogger(f"urllib3.{_name}").addFilter(lambda _: False)


class Adapter(HTTPAdapter):
    """One pool for one origin, with TLS settings made once.

    The overridden methods are those that requests offers to subclasses. Left out is what it would do per request and
    nobody here needs: choosing a proxy, reading a CA bundle, collecting cookies.
    """

    def __init__(self, base_url: str, *, pool_size: int, ca_bundle: Path | None) -> None:
        # False, not 0: urllib3 then never tries again by itself, and raises what happened.
        super().__init__(pool_connections=1, pool_maxsize=pool_size, max_retries=Retry(total=False, redirect=False))
        parts = urlsplit(base_url)
        if parts.hostname is None:
            raise ValueError("the base URL names no host")
        self._origin = len(f"{parts.scheme}://{parts.netloc}")
        self._pool: HTTPConnectionPool
        if parts.scheme == "https":
            self._pool = TlsPool(parts.hostname, parts.port, maxsize=pool_size, ssl_context=_verifying(ca_bundle))
        elif parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}:
            self._pool = PlainPool(parts.hostname, parts.port, maxsize=pool_size)
        else:
            raise ValueError("the base URL must be https (http is for loopback only)")

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        return self._pool

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing: the pool's TLS context verifies, always; `verify` cannot turn it off."""

    def request_url(self, request: PreparedRequest, *_: Any) -> str:
        return (request.url or "")[self._origin :]

    def build_response(self, _: PreparedRequest, resp: Any) -> Response:
        # Its constructor makes a jar for cookies, 17 of 356 µs of a request's CPU.
        response = Response.__new__(Response)
        response.status_code = resp.status
        response.raw = resp
        return response

    def close(self) -> None:
        self._pool.close()
        super().close()


def _verifying(ca_bundle: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or newer, certificate and name verified, against the given bundle only or else the usual authorities."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = Socket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=str(ca_bundle or DEFAULT_CA_BUNDLE_PATH))
    return context
