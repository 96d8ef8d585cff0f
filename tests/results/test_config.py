"""`[feeds.NAME.results]`: one way out, with its own options, and no secret in it."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from worker.results.config import ResultsConfig

TABLE = {"table": "crm.svar", "database_url_file": "crm-url"}
POST = {"post": "https://crm.test/vitec", "secret_file": "key"}


def make(**values: Any) -> ResultsConfig:
    return ResultsConfig.model_validate(values, context={"folder": "/srv/office"})


def test_files_are_the_way_without_any_option() -> None:
    config = make()
    assert (config.sink, config.form) == ("files", "csv")
    assert config.folder is None
    assert config.rows_at_most == 50_000


@pytest.mark.parametrize(("values", "sink"), [({"folder": "out"}, "files"), (TABLE, "table"), (POST, "post")])
def test_the_way_is_chosen_by_its_option(values: dict[str, Any], sink: str) -> None:
    assert make(**values).sink == sink


def test_paths_are_seen_from_the_file_that_names_them() -> None:
    assert make(folder="out").folder == Path("/srv/office/out")
    assert make(**POST).secret_file == Path("/srv/office/key")
    assert make(folder="/out").folder == Path("/out")


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({**TABLE, **POST}, "one of folder, table and post"),
        ({"folder": "out", **TABLE}, "one of folder, table and post"),
        ({**TABLE, "form": "xlsx"}, "form is an option of files"),
        ({"create": True}, "create is an option of table"),
        ({"most_bytes": 20_000}, "most_bytes is an option of post"),
        ({"table": "svar"}, "one of database_url_file and database_url_env"),
        ({**TABLE, "database_url_env": "CRM_URL"}, "one of database_url_file and database_url_env"),
        ({"post": "https://crm.test/"}, "one of secret_file and secret_env"),
        ({**POST, "post": "http://crm.test/"}, "https://"),
        ({**POST, "post": "https://me:word@crm.test/"}, "no login"),
        ({**POST, "post": "https://[crm/"}, "no address"),
        ({**POST, "post": "https:///path"}, "a host"),
        ({**TABLE, "columns": {"id": "X"}}, "id is no column of the results"),
        ({**TABLE, "columns": {"state": "X"}}, "source_id must be among"),
        ({**TABLE, "columns": {"source_id": "X", "state": "x"}}, "only once"),
        ({**TABLE, "table": "svar; drop"}, "pattern"),
        ({"form": "pdf"}, "'csv-excel'"),
        ({"name": "../x"}, "pattern"),
        ({"folders": "x"}, "Extra inputs"),
        ({"every": 0}, "greater"),
    ],
)
def test_a_way_that_cannot_be_is_refused_with_its_reason(values: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        make(**values)


def test_http_is_for_loopback() -> None:
    assert make(**{**POST, "post": "http://127.0.0.1:8080/in?office=1"}).post


def test_an_error_quotes_no_value() -> None:
    with pytest.raises(ValidationError) as refusal:
        make(**{**POST, "post": "https://me:secret-word@crm.test/"})
    assert "secret-word" not in str(refusal.value)
