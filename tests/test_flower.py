"""Flower must not start with some options, and opens to its login alone."""

from __future__ import annotations

from base64 import b64encode
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from worker.flower.auth import is_authorized
from worker.flower.options import find_login_problem, find_problem, is_loopback, read_logins
from worker.settings import Settings

GOOD = "office:3-grey-herons"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWER_UNAUTHENTICATED_API", raising=False)


def problem_of(login: str | None = GOOD, *arguments: str, unprotected: bool = False, **options: Any) -> str | None:
    """Find the problem of a Flower with these options."""
    chosen: Any = SimpleNamespace(**{"address": "127.0.0.1", "unix_socket": "", "auth": "", "debug": False, **options})
    secret = None if login is None else SecretStr(login)
    settings = Settings(flower_basic_auth=secret, flower_unprotected=unprotected)
    return find_problem(chosen, settings, ["celery", "-A", "worker", "flower", *arguments])


def test_flower_with_a_login_may_listen_anywhere() -> None:
    assert problem_of() is None
    assert problem_of(address="0.0.0.0") is None
    assert problem_of(f"{GOOD},other:4-old-herons") is None


@pytest.mark.parametrize("login", [None, "", ","])
def test_flower_without_a_login_needs_the_setting_and_loopback(login: str | None) -> None:
    assert "set FLOWER_BASIC_AUTH" in str(problem_of(login))
    assert problem_of(login, unprotected=True) is None
    assert problem_of(login, unprotected=True, address="", unix_socket="/run/flower.sock") is None
    for address in ("", "0.0.0.0", "::", "10.0.0.1", "office.example"):
        assert "for loopback only" in str(problem_of(login, unprotected=True, address=address)), address


@pytest.mark.parametrize(
    "argument",
    ["--basic-auth=office:3-grey-herons", "--basic_auth=x", "-basic-auth=x", "--cookie-secret=x", "--oauth2_secret=x"],
)
def test_a_secret_is_never_an_argument(argument: str) -> None:
    problem = str(problem_of(GOOD, argument))
    assert "arguments are shown to everybody" in problem
    assert "herons" not in problem


def test_options_that_open_flower_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Leave --auth out" in str(problem_of(auth=".*@office.example"))
    assert "Leave --debug out" in str(problem_of(debug=True))
    monkeypatch.setenv("FLOWER_UNAUTHENTICATED_API", "true")
    assert "Unset FLOWER_UNAUTHENTICATED_API" in str(problem_of())


@pytest.mark.parametrize(
    "login",
    [
        "office",
        ":3-grey-herons",
        "admin:changeme",
        "office:short",
        "officeroom:officeroom",
        "office:Password",
        "åsa:3-grey-herons",
    ],
)
def test_an_empty_or_easy_login_is_refused_unseen(login: str) -> None:
    problem = str(find_login_problem(login))
    assert problem.startswith(("FLOWER_BASIC_AUTH must be", "The password in FLOWER_BASIC_AUTH is too easy"))
    assert login.partition(":")[2] not in problem or not login.partition(":")[2]
    assert problem_of(f"{GOOD},{login}") == problem


def test_several_logins_are_parted_by_commas() -> None:
    assert read_logins(Settings(flower_basic_auth=SecretStr("a:1,b:2,"))) == ["a:1", "b:2"]


@pytest.mark.parametrize(
    ("address", "is_it"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("", False), ("0.0.0.0", False)],
)
def test_loopback_is_what_only_this_machine_reaches(address: str, is_it: bool) -> None:
    assert is_loopback(address) is is_it


def basic(login: str) -> str:
    return "Basic " + b64encode(login.encode()).decode()


def test_the_door_opens_to_the_login_alone() -> None:
    assert is_authorized(basic(GOOD), [GOOD])
    assert is_authorized(basic(GOOD).replace("Basic", "basic"), ["other:x", GOOD])
    for header in (
        "",
        "Basic",
        "Basic ",
        "Basic %%%",
        basic(GOOD + " "),
        basic(""),
        basic(":"),
        "Bearer " + basic(GOOD)[6:],
    ):
        assert not is_authorized(header, [GOOD]), header
    assert not is_authorized(basic(GOOD), [])
