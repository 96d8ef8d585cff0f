"""The door in front of everything that Flower serves: without the login there is nothing, not even a page not found.

Flower itself leaves `/metrics`, `/healthcheck`, its error pages and its login page open. The last is for logins that
are not offered here, and is taken away.
"""

import hmac
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

from flower.urls import handlers, settings
from flower.views.auth import LoginHandler
from tornado.web import Finish, RequestHandler, StaticFileHandler, url


def close(logins: Sequence[str]) -> None:
    """Put the door in front of every handler of Flower's list, once."""
    # Tornado adds a handler of its own for what belongs to the pages.
    settings["static_handler_class"] = behind_door(StaticFileHandler, logins)
    handlers[:] = [_closed(rule, logins) for rule in handlers if not _is_login_page(rule)]


def _is_login_page(rule: Any) -> bool:
    return isinstance(rule, tuple) and rule[1] is LoginHandler


def _closed(rule: Any, logins: Sequence[str]) -> Any:
    if isinstance(rule, tuple):
        pattern, handler, *rest = rule
        return (pattern, behind_door(handler, logins), *rest)
    # Made anew: a rule keeps its handler in more than one place.
    return url(rule.regex.pattern, behind_door(rule.handler_class, logins), rule.kwargs, rule.name)


def behind_door(handler: type[RequestHandler], logins: Sequence[str]) -> type[RequestHandler]:
    """The same handler, which first asks for the login."""
    if hasattr(handler, "door_logins"):
        return handler

    class Closed(handler):  # type: ignore[misc, valid-type]
        door_logins = tuple(logins)

        def prepare(self) -> Any:
            if not opens(self.request.headers.get("Authorization", ""), self.door_logins):
                self.set_status(401)
                self.set_header("WWW-Authenticate", 'Basic realm="vitec-sync", charset="UTF-8"')
                self.set_header("Content-Type", "text/plain; charset=UTF-8")
                self.write("Login required.\n")
                raise Finish
            return super().prepare()

    Closed.__name__ = Closed.__qualname__ = handler.__name__
    return Closed


def opens(header: str, logins: Sequence[str]) -> bool:
    """Whether the Authorization header carries one of the logins. Compared in constant time."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = b64decode(credentials, validate=True)
    except ValueError:
        return False
    return any(hmac.compare_digest(given, login.encode()) for login in logins)
