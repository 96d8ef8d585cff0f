"""The options with which Flower starts, and the refusal of those with which it must not."""

import ipaddress
import os
import sys

from flower.options import options
from flower.utils import strtobool
from tornado.options import OptionParser

from worker import bootstrap
from worker.dotenv import SettingsError
from worker.flower.auth import require_login_everywhere
from worker.settings import Settings

SHORTEST_PASSWORD = 8

_COMMON = {"password", "changeme", "change-me", "secret", "flower", "admin", "12345678", "123456789", "vitec-sync"}

# Passwords among the arguments are shown to every user of the machine.
_NOT_AS_ARGUMENT = ("basic_auth", "oauth2_secret", "cookie_secret")


def arrange() -> None:
    """Set the defaults, and have the options checked once all are known."""
    options.address = "127.0.0.1"
    options.read_only = True
    options.natural_time = False
    options.max_tasks = 10_000
    options.purge_offline_workers = 3600
    # Only where FLOWER_PERSISTENT is set. The database holds the truth; Flower's memory may be lost with the process.
    options.state_save_interval = 60_000
    options.add_parse_callback(_check_options)


def _check_options() -> None:
    """Check the options and give Flower its login, or end the process with one line."""
    try:
        settings = bootstrap.settings()
    except SettingsError as error:
        raise SystemExit(str(error)) from None
    problem = find_problem(options, settings, sys.argv)
    if problem is not None:
        raise SystemExit(problem)
    options.basic_auth = read_logins(settings)
    if options.persistent:
        settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        options.db = str(settings.state_dir / "flower")
    if options.basic_auth:
        require_login_everywhere(options.basic_auth)


def read_logins(settings: Settings) -> list[str]:
    """Read the logins that open Flower, parted by commas, so that an old login can stay valid beside a new one."""
    configured = settings.flower_basic_auth
    return [login for login in (configured.get_secret_value() if configured else "").split(",") if login]


def find_problem(chosen: OptionParser, settings: Settings, arguments: list[str]) -> str | None:
    """Describe in one line, with the remedy, why Flower must not start like this; None if it may."""
    for argument in arguments:
        name = argument.lstrip("-").partition("=")[0].replace("-", "_")
        if argument.startswith("-") and name in _NOT_AS_ARGUMENT:
            return f"Leave --{name} out: arguments are shown to everybody on the machine. Set FLOWER_{name.upper()}."
    if strtobool(os.environ.get("FLOWER_UNAUTHENTICATED_API") or "false"):
        return "Unset FLOWER_UNAUTHENTICATED_API: it would open the API to everybody, web pages elsewhere included."
    if chosen.debug:
        return "Leave --debug out: Flower would show its settings and parts of its program to whoever meets an error."
    if chosen.auth:
        return "Leave --auth out: the login here is FLOWER_BASIC_AUTH."
    configured_logins = read_logins(settings)
    if configured_logins:
        return next(filter(None, map(find_login_problem, configured_logins)), None)
    if not settings.flower_unprotected:
        return "Flower asks for a login: set FLOWER_BASIC_AUTH to user:password (or FLOWER_BASIC_AUTH_FILE to a file)."
    if not (chosen.unix_socket or is_loopback(chosen.address)):
        return f"FLOWER_UNPROTECTED is for loopback only, not for {chosen.address or 'every address'}: set a login."
    return None


def find_login_problem(login: str) -> str | None:
    """Describe the fault of a `user:password`, without showing it."""
    user, colon, password = login.partition(":")
    if not (user and colon):
        return "FLOWER_BASIC_AUTH must be user:password."
    if not login.isascii():
        return "FLOWER_BASIC_AUTH must be of plain ASCII: browsers do not agree on how to send other letters."
    if len(password) < SHORTEST_PASSWORD or password.lower() in {*_COMMON, user.lower()}:
        return (
            f"The password in FLOWER_BASIC_AUTH is too easy: use at least {SHORTEST_PASSWORD} characters "
            "that nobody would try first."
        )
    return None


def is_loopback(address: str) -> bool:
    """Check whether only this machine reaches the address; the empty address is every address there is."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
