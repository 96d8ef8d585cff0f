"""The login in front of everything that Flower serves: without it there is nothing, not even a page not found.

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


def require_login_everywhere(logins: Sequence[str]) -> None:
    """Make every handler of Flower's list ask for the login, once."""
    # Tornado adds a handler of its own for the files that belong to the pages.
    settings["static_handler_class"] = requiring_login(StaticFileHandler, logins)
    handlers[:] = [_with_login(rule, logins) for rule in handlers if not _is_login_page(rule)]


def _is_login_page(rule: Any) -> bool:
    return isinstance(rule, tuple) and rule[1] is LoginHandler


def _with_login(rule: Any, logins: Sequence[str]) -> Any:
    if isinstance(rule, tuple):
        pattern, handler, *arguments = rule
        return (pattern, requiring_login(handler, logins), *arguments)
    # Made anew: a rule keeps its handler in more than one place.
    return url(rule.regex.pattern, requiring_login(rule.handler_class, logins), rule.kwargs, rule.name)


def requiring_login(handler: type[RequestHandler], logins: Sequence[str]) -> type[RequestHandler]:
    """Derive a handler that first asks for the login."""
    if hasattr(handler, "admitted_logins"):
        return handler

    class LoginRequired(handler):  # type: ignore[misc, valid-type]
        admitted_logins = tuple(logins)

        def prepare(self) -> Any:
            if not is_authorized(self.request.headers.get("Authorization", ""), self.admitted_logins):
                self.set_status(401)
                self.set_header("WWW-Authenticate", 'Basic realm="vitec-sync", charset="UTF-8"')
                self.set_header("Content-Type", "text/plain; charset=UTF-8")
                self.write("Login required.\n")
                raise Finish
            return super().prepare()

    LoginRequired.__name__ = LoginRequired.__qualname__ = handler.__name__
    return LoginRequired


def is_authorized(header: str, logins: Sequence[str]) -> bool:
    """Check whether the Authorization header carries one of the logins, compared in constant time."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = b64decode(credentials, validate=True)
    except ValueError:
        return False
    return any(hmac.compare_digest(given, login.encode()) for login in logins)
