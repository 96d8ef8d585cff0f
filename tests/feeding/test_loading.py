"""Every fault of feeds.toml is named with its table, its key and the remedy, and none quotes a value."""

from pathlib import Path

import pytest

from run import ROOT
from worker import settings
from worker.feeding import FeedsError, load_feeds
from worker.feeding.config import DROP, Source


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VITEC_SYNC_IGNORE_DOTENV", raising=False)
    return tmp_path


def write(folder: Path, text: str) -> None:
    (folder / "feeds.toml").write_text(text, encoding="utf-8")


def refusal(folder: Path, text: str) -> str:
    write(folder, text)
    with pytest.raises(FeedsError) as caught:
        load_feeds(settings.load())
    return str(caught.value)


def test_each_source_is_read_with_its_keys(folder: Path) -> None:
    write(
        folder,
        """
[feeds.calendar]
folder = "drop"
pattern = ["*.csv", "*.xlsx"]
kind = "appointment"
every = 30
silent_after = 90000

[feeds.comebacks]
query = "SELECT * FROM comebacks"
database_url_env = "CRM_DATABASE"
cursor = "changed_at"
kind = "comeback"
at = ["06:30", "12:00"]

[feeds.viewings]
url = "https://crm.example/viewings.csv"
username = "vitec"
password_file = "secrets/crm"
kind = "viewing_registration"
""",
    )
    feeds = load_feeds(settings.load())
    assert [feed.source for feed in feeds] == [Source.FOLDER, Source.QUERY, Source.URL]
    assert feeds.by_name["calendar"].folder == folder / "drop"
    assert feeds.by_name["viewings"].password_file == folder / "secrets/crm"
    assert feeds.by_name["comebacks"].interval is None


def test_without_a_file_the_drop_folder_is_a_feed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEED_DIR", "drop")
    (feed,) = load_feeds(settings.load())
    assert (feed.name, feed.folder) == (DROP, folder / "drop")


def test_without_anything_there_are_no_feeds(folder: Path) -> None:
    assert len(load_feeds(settings.load())) == 0


def test_a_file_that_is_named_must_be_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDS_FILE", "elsewhere.toml")
    with pytest.raises(FeedsError, match=r"FEEDS_FILE: .*elsewhere.toml is not there"):
        load_feeds(settings.load())


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("", "give exactly one of `folder`, `query`"),
        ('folder = "a"\nurl = "https://a.example/x"', "`folder` and `url` are given"),
        ('folder = "a"\nfoldr = "b"', "`foldr` is not known here; did you mean `folder`?"),
        ('folder = "a"\ncursor = "id"', "`cursor` does not go with `folder`"),
        ('folder = "a"\nevery = "hourly"', "`every` must be a number"),
        ('folder = "a"\nevery = 0', "`every`: input should be greater than 0"),
        ('folder = "a"\nat = "6:30"', "`at`: give a time of day in Stockholm"),
        ('folder = "a"\nat = []', "`at`: give a time of day"),
        ('folder = "a"\nat = "06:30"\nevery = 5', "give `every` or `at`, not both"),
        ('folder = "a"\nkind = "appointments"', "`kind`: there is no such kind; the kinds are appointment,"),
        ('folder = "a"\nkind = "comeback"\nmapping = "m.toml"', "give `kind` or `mapping`, not both"),
        ('folder = "a"\npattern = "sub/*.csv"', "without a folder"),
        ('folder = ""', "`folder`: give a path"),
        ('folder = "a"\ncanary = "yes"', "`canary` must be true or false"),
        ('folder = "a"\nheadings = "some"', "`headings` must be 'fixed' or 'any'"),
        ('query = "SELECT 1"', "give `database_url_file`"),
        ('query = "DELETE FROM x"\ndatabase_url_env = "X"', "`query`: it must be one SELECT"),
        ('query = "SELECT :cursor"\ndatabase_url_env = "X"', "name the column that only grows in `cursor`"),
        ('query = "SELECT :cursor"\ndatabase_url_env = "X"\ncursor = "id"', "`cursor_start`"),
        ('query = "SELECT 1"\ndatabase_url_env = "X"\ncursor = "id"\nfull_export = true', "goes without `cursor`"),
        ('url = "http://crm.example/x"', "`url`: it must be https://"),
        ('url = "https://u:hemligt@crm.example/x"', "it must hold no login"),
        ('url = "https://crm.example/x"\nusername = "u"', "give `username` together with"),
        ('url = "https://crm.example/x"\ntoken_header = "X-Key"', "`token_header` needs"),
        (
            'url = "https://crm.example/x"\ntoken_file = "a"\ntoken_env = "B"',
            "give one of `token_file` and `token_env`",
        ),
        ('url = "https://crm.example/x"\npassword = "hemligt"', "`password` is not known here"),
    ],
)
def test_a_fault_is_named_with_its_key(folder: Path, table: str, why: str) -> None:
    text = refusal(folder, f"[feeds.calendar]\n{table}\n")
    assert "[feeds.calendar]: " in text
    assert why in text


def test_no_fault_quotes_a_value(folder: Path) -> None:
    text = refusal(
        folder, '[feeds.a]\nurl = "https://u:hemligt@crm.example/x"\npassword = "hemligt"\nevery = "hemligt"\n'
    )
    assert "hemligt" not in text


def test_all_faults_are_told_at_once(folder: Path) -> None:
    text = refusal(folder, '[feeds.a]\nfolder = "a"\nevery = "x"\nkind = "x"\n[feeds.b]\n[feeds."Å"]\nfolder = "c"\n')
    assert text.count("[feeds.") == 4


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[feeds.a\n", "is not valid TOML (at line 1"),
        ("[feed.a]\n", "`feed` is not known here; each feed is a table"),
        ("feeds = 1\n", "`feeds` must hold tables"),
        ("[feeds]\na = 1\n", "[feeds.a] must be a table"),
        ('[feeds.a]\nfolder = "x"\n[feeds.b]\nfolder = "x"\n', "feed a reads the same files of the same folder"),
    ],
)
def test_a_broken_file_is_told(folder: Path, text: str, why: str) -> None:
    assert why in refusal(folder, text)


def test_a_file_that_others_can_write_is_refused(folder: Path) -> None:
    write(folder, "")
    (folder / "feeds.toml").chmod(0o666)
    with pytest.raises(FeedsError, match="can be written by others"):
        load_feeds(settings.load())


def test_a_mended_query_reads_from_the_start(folder: Path) -> None:
    table = '[feeds.a]\nquery = "SELECT {}"\ndatabase_url_env = "CRM"\ncursor = "id"\n'
    hashes = set()
    for column in ("a", "b", "b"):
        write(folder, table.format(column))
        hashes.add(load_feeds(settings.load()).by_name["a"].source_hash())
    assert len(hashes) == 2


def test_the_example_is_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDS_FILE", str(ROOT / "examples" / "feeds" / "feeds.toml"))
    assert [feed.name for feed in load_feeds(settings.load())] == ["calendar", "comebacks", "viewings"]


def test_results_of_the_same_rows_go_one_way(folder: Path) -> None:
    table = '[feeds.{0}]\nfolder = "{0}"\n[feeds.{0}.results]\nfolder = "out"\n'
    assert "feed a has results of the same rows" in refusal(folder, table.format("a") + table.format("b"))


def test_a_fault_of_the_results_is_named(folder: Path) -> None:
    text = refusal(folder, '[feeds.a]\nfolder = "a"\n[feeds.a.results]\nfrom = "csv"\n')
    assert "[feeds.a]: `results.from` is not known here" in text


def test_the_drop_folder_has_its_results(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEED_DIR", "drop")
    monkeypatch.setenv("RESULTS_DIR", "results")
    (feed,) = load_feeds(settings.load())
    assert feed.results is not None
    assert feed.results.folder == folder / "results"
