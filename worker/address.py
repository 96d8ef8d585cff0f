"""The address of a Vitec environment: one spelling of it, and when two spellings are of one environment."""

from functools import lru_cache
from urllib.parse import urlsplit

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""The names of this machine itself."""

_STANDARD_PORTS = {"https": 443, "http": 80}


def check_address(value: str) -> str:
    """Give the address of a Vitec environment back; raise ValueError where it cannot be that."""
    try:
        url = urlsplit(value)
        has_host = bool(url.hostname) and url.port != 0
    except ValueError:
        raise ValueError("this is no address: the port is none, or a bracket is missing") from None
    if not (url.scheme == "https" or (url.scheme == "http" and url.hostname in LOOPBACK)):
        raise ValueError("it must be https://… (http is for loopback only)")
    if not (has_host and value.isprintable() and " " not in value):
        raise ValueError("it must have a host: https://HOST")
    if url.username or url.password or url.query or url.fragment:
        raise ValueError("it must be a plain address, without login, query or fragment")
    return value


def normalize_address(address: str) -> str:
    """Give the address in one spelling: letter case, the standard port, a final dot or slash make no difference."""
    parts = urlsplit(address.strip())
    host = (parts.hostname or "").rstrip(".")
    port = "" if parts.port in {None, _STANDARD_PORTS.get(parts.scheme)} else f":{parts.port}"
    netloc = f"[{host}]{port}" if ":" in host else f"{host}{port}"
    return parts._replace(scheme=parts.scheme.lower(), netloc=netloc, path=parts.path.rstrip("/")).geturl()


@lru_cache(16)
def is_same_address(first: str, second: str) -> bool:
    """Tell whether two addresses are of one environment. All names of this machine itself are one."""
    return _by_one_name(first) == _by_one_name(second)


def _by_one_name(address: str) -> tuple[str, str | None, int | None, str]:
    parts = urlsplit(normalize_address(address))
    host = "localhost" if parts.hostname in LOOPBACK else parts.hostname
    return parts.scheme, host, parts.port, parts.path
