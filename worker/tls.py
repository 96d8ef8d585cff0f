"""A correction of TLS in the standard library."""

import ssl
from typing import Any


class Socket(ssl.SSLSocket):
    """A TLS socket that closes itself when the other side was gone before the handshake began.

    Up to Python 3.12 `SSLContext.wrap_socket` raises ConnectionResetError then and leaves behind an open socket
    without an owner: a descriptor until the next garbage collection. For a context's `sslsocket_class`.
    """

    def recv(self, *args: Any) -> bytes:
        try:
            return super().recv(*args)
        except ConnectionError:
            self.close()
            raise
