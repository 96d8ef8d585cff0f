"""Paths are understood as a .NET router would."""

import pytest

from worker.sandbox.api.calls import ApiCall, CallKind, NoSuchPath, WrongMethod, route


@pytest.mark.parametrize(
    ("method", "path", "call"),
    [
        ("POST", "/Appointment/M1/HAN1", ApiCall(CallKind.APPOINTMENT, "M1", user_id="HAN1")),
        ("POST", "/Meeting/Comeback/M1/ADR1", ApiCall(CallKind.COMEBACK, "M1", contact_id="ADR1")),
        (
            "POST",
            "/Viewing/M1/VIS1/TID1/Participant/ADR1",
            ApiCall(CallKind.VIEWING_REGISTRATION, "M1", contact_id="ADR1", viewing_id="VIS1", time_slot_id="TID1"),
        ),
        (
            "DELETE",
            "/Viewing/M1/VIS1/TID1/Participant/ADR1",
            ApiCall(CallKind.VIEWING_CANCELLATION, "M1", contact_id="ADR1", viewing_id="VIS1", time_slot_id="TID1"),
        ),
        ("POST", "/User/Notify/M1", ApiCall(CallKind.NOTIFICATION, "M1")),
        ("POST", "/Service/Order/Token/M1", ApiCall(CallKind.ORDER_TOKEN, "M1")),
        ("PUT", "/Service/Order/Status/M1", ApiCall(CallKind.ORDER_STATUS, "M1")),
        ("GET", "/CRM/Contact/M1/ADR1/ComebackMeeting", ApiCall(CallKind.COMEBACK_LOOK_UP, "M1", contact_id="ADR1")),
        (
            "GET",
            "/ViewingParticipant/M1/ADR1/VIS1",
            ApiCall(CallKind.VIEWING_REGISTRATION_LOOK_UP, "M1", contact_id="ADR1", viewing_id="VIS1"),
        ),
    ],
)
def test_each_documented_path_is_known(method: str, path: str, call: ApiCall) -> None:
    assert route(method, path) == call


def test_fixed_parts_ignore_case_and_ids_keep_it() -> None:
    assert route("POST", "/appointment/m30001/HaN1") == ApiCall(CallKind.APPOINTMENT, "m30001", user_id="HaN1")


def test_ids_are_decoded_once() -> None:
    assert route("POST", "/User/Notify/M%2530%20%C3%A5") == ApiCall(CallKind.NOTIFICATION, "M%30 å")


def test_a_query_string_is_ignored() -> None:
    assert route("POST", "/User/Notify/M1?x=1") == ApiCall(CallKind.NOTIFICATION, "M1")


@pytest.mark.parametrize(
    "path",
    ["", "/", "/Appointment/M1", "/Appointment/M1/", "/Appointment/M1/H/x", "/x/Appointment/M1/H", "/User/Notify/%ff"],
)
def test_an_unknown_path_is_not_found(path: str) -> None:
    assert route("POST", path) == NoSuchPath()


def test_a_known_path_names_all_methods_it_takes() -> None:
    assert route("PUT", "/Viewing/M1/VIS1/TID1/Participant/ADR1") == WrongMethod("DELETE, POST")
    assert route("POST", "/Service/Order/Status/M1") == WrongMethod("PUT")
    assert route("GET", "/User/Notify/M1") == WrongMethod("POST")
    assert route("POST", "/ViewingParticipant/M1/ADR1/VIS1") == WrongMethod("GET")
