"""Headings say what a file is; those that do not, refuse it in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from worker.feeds import FileRefused, open_feed
from worker.importing.columns import Columns, resolve_columns

if TYPE_CHECKING:
    from pathlib import Path


def resolve(folder: Path, headings: str, kind: str | None = None) -> Columns:
    path = folder / "export.csv"
    path.write_text(headings + "\n", encoding="utf-8")
    with open_feed(path) as feed:
        return resolve_columns(feed, kind)


def refused(folder: Path, headings: str, kind: str | None = None) -> str:
    with pytest.raises(FileRefused) as caught:
        resolve(folder, headings, kind)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("headings", "kind"),
    [
        ("sourceId,customerId,userId,subject,startsAt,endsAt", "appointment"),
        ("Id;Kund-id;Id på kontakt;Tid och datum för återkomsten;Deltagare", "comeback"),
        ("ID;KUNDID;Visningsid;Id på visningstillfället;Id på kontakten.", "viewing_registration"),
        ("source_id,customer_id,header,message,recipients", "notification"),
        ("source_id\tcustomer_id\tdata", "order_token"),
    ],
)
def test_the_kind_is_taken_from_headings_that_fit_only_one(tmp_path: Path, headings: str, kind: str) -> None:
    columns = resolve(tmp_path, headings)
    assert columns.kind is not None
    assert columns.kind.kind == kind
    assert columns.fields_by_kind[kind][:2] == ("source_id", "customer_id")


def test_a_column_kind_lets_each_row_name_its_own(tmp_path: Path) -> None:
    columns = resolve(tmp_path, "Typ;Id;Kundid;Anteckning;data")
    assert (columns.kind, columns.kind_at) == (None, 0)
    assert columns.fields_by_kind["comeback"] == ("kind", "source_id", "customer_id", "note", "data")
    assert columns.fields_by_kind["order_token"] == ("kind", "source_id", "customer_id", "Anteckning", "data")


def test_unknown_headings_are_all_listed_with_near_ones(tmp_path: Path) -> None:
    text = refused(tmp_path, "Ärendenr;Kund-id;Id på kontakter;Var")
    assert "line 1: unknown headings 'Ärendenr', 'Id på kontakter' (perhaps 'Id på kontakt" in text
    assert "'Var'" in text
    assert "Kund-id" not in text


def test_unknown_headings_of_a_kind_name_the_known_ones(tmp_path: Path) -> None:
    text = refused(tmp_path, "source_id;customer_id;data;colour", "order_token")
    assert "unknown heading 'colour'" in text
    assert text.endswith(
        "known headings are source_id, customer_id, kind, expires_at, after, send_after, withdrawn, handed_on, data."
    )


def test_the_wrong_kind_is_refused_with_the_right_one(tmp_path: Path) -> None:
    text = refused(tmp_path, "source_id;customer_id;data", "comeback")
    assert text == "export.csv: these headings are no comeback's. Use --kind order_token."


def test_missing_headings_are_listed(tmp_path: Path) -> None:
    assert "missing headings contact_id, date" in refused(tmp_path, "source_id;customer_id;note", "comeback")
    assert "missing heading customer_id" in refused(tmp_path, "kind;source_id;note")
    assert "missing heading for order_token: customer_id" in refused(tmp_path, "source_id;data")


def test_a_kind_that_no_heading_tells_is_asked_for(tmp_path: Path) -> None:
    text = refused(tmp_path, "source_id;customer_id;note")
    assert "does not say which kind its rows are" in text
    assert "--kind (appointment, comeback)" in text


def test_a_column_that_stands_twice_in_whatever_spelling_is_refused(tmp_path: Path) -> None:
    text = refused(tmp_path, "source_id;Kundid;customerId;data")
    assert "'Kundid' and 'customerId' are the same column" in text


def test_an_unknown_kind_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    assert "The kinds are appointment, comeback" in refused(tmp_path, "source_id;customer_id;data", "valuation")


def test_a_heading_cannot_command_a_terminal_or_fill_it(tmp_path: Path) -> None:
    text = refused(tmp_path, "source_id;" + "x" * 500 + "\u202e;b")
    assert "\u202e" not in text
    assert "x" * 61 not in text
