"""`feeds.toml` is read, each fault named with its table, its key and the remedy; without one FEED_DIR is a feed."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from worker.dotenv import SettingsError, refuse_foreign
from worker.feeding.config import DROP, NAME, FeedConfig
from worker.settings import Settings

MOST_FEEDS = 200


class FeedsError(SettingsError):
    """The file of feeds cannot be used. The text has a sentence for each fault, with table, key and remedy."""


@dataclass(frozen=True, slots=True)
class Feeds:
    """The feeds by their names, in the order of the file."""

    by_name: Mapping[str, FeedConfig] = field(default_factory=dict)
    file: Path | None = None
    """The file that names them; None: there is none."""

    def __iter__(self) -> Iterator[FeedConfig]:
        return iter(self.by_name.values())

    def __len__(self) -> int:
        return len(self.by_name)


def load_feeds(settings: Settings) -> Feeds:
    """Read the file of feeds, or make a feed of FEED_DIR where there is none. Raises `FeedsError`."""
    path = settings.feeds_path
    if path is not None:
        return Feeds(_read_feeds(path), path)
    if settings.feed_dir is None:
        return Feeds()
    # Its files are whatever the CRM has: appointments today, comebacks tomorrow.
    values: dict[str, Any] = {"name": DROP, "folder": str(settings.feed_dir), "headings": "any"}
    if settings.results_dir is not None:
        values["results"] = {"folder": str(settings.results_dir)}
    return Feeds({DROP: FeedConfig.model_validate(values, context={"folder": Path()})})


def _read_feeds(path: Path) -> dict[str, FeedConfig]:
    tables = _read_tables(path)
    faults: list[str] = []
    feeds: dict[str, FeedConfig] = {}
    for name, table in tables.items():
        place = f"[feeds.{name}]"
        if not NAME.fullmatch(name):
            faults.append(f"{place}: a feed's name has 1 to 40 small letters, digits, - and _")
        elif not isinstance(table, dict):
            faults.append(f"{place} must be a table: write {place} on a line of its own, its keys below")
        else:
            if "name" in table:
                faults.append(f"{place}: `name` is not known here; the name stands in {place}")
            try:
                feeds[name] = FeedConfig.model_validate({**table, "name": name}, context={"folder": path.parent})
            except ValidationError as error:
                faults += [f"{place}: {_describe(fault)}" for fault in error.errors(include_url=False)]
    faults += _find_clashes(feeds)
    if faults:
        raise FeedsError(f"{path}: {'; '.join(faults)}.")
    return feeds


def _read_tables(path: Path) -> dict[str, Any]:
    try:
        refuse_foreign(path)
        file = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise FeedsError(f"FEEDS_FILE: {path} is not there.") from None
    except SettingsError as error:
        raise FeedsError(str(error)) from None
    except OSError as error:
        raise FeedsError(f"{path} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise FeedsError(f"{path} is not UTF-8: save it as UTF-8.") from None
    except RecursionError:
        raise FeedsError(f"{path} nests too deeply to be read.") from None
    except tomllib.TOMLDecodeError as error:
        # The parser's text ends with where it is; the text before that may quote the file.
        where = str(error).rpartition("(at ")[2].rstrip(")") or "an unknown place"
        raise FeedsError(f"{path} is not valid TOML (at {where}).") from None
    if unknown := [key for key in file if key != "feeds"]:
        raise FeedsError(f"{path}: `{unknown[0]}` is not known here; each feed is a table [feeds.NAME].")
    tables = file.get("feeds", {})
    if not isinstance(tables, dict):
        raise FeedsError(f"{path}: `feeds` must hold tables: write [feeds.NAME] for each feed.")
    if len(tables) > MOST_FEEDS:
        raise FeedsError(f"{path}: {len(tables)} feeds, more than {MOST_FEEDS}: use a second installation.")
    return tables


def _find_clashes(feeds: Mapping[str, FeedConfig]) -> Iterator[str]:
    """Find feeds that would take each other's files: the same folder, and a pattern of which both may match a file."""
    taken: dict[tuple[Path, str], str] = {}
    reporter: dict[str, str] = {}
    for name, feed in feeds.items():
        if feed.results and feed.feed in reporter:
            yield f'[feeds.{name}.results]: feed {reporter[feed.feed]} has results of the same rows (`feed` = "{feed.feed}"): leave one of the two out'
        if feed.results:
            reporter[feed.feed] = name
        for pattern in feed.pattern if feed.folder else ():
            key = (feed.folder or Path(), pattern.casefold())
            if key in taken and taken[key] != name:
                yield f"[feeds.{name}]: `pattern`: feed {taken[key]} reads the same files of the same folder; give each its own"
            taken[key] = name


_KINDS_OF_VALUES = {
    "string_type": "must be text in quotation marks",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false, without quotation marks",
    "list_type": "must be a list, as in [1, 2]",
    "dict_type": "must be a table",
    "model_type": "must be a table",
}


def _describe(fault: ErrorDetails) -> str:
    """Say a fault by its key, and without the value, which may be a secret in the wrong place."""
    *tables, key = fault["loc"] or ("",)
    where = f"`{'.'.join(map(str, (*tables, key)))}`"
    context = fault.get("ctx", {})
    match fault["type"]:
        case "extra_forbidden":
            near = get_close_matches(str(key), list(FeedConfig.model_fields), 1)
            hint = f"did you mean `{near[0]}`?" if near and not tables else "docs/feeding.md lists all keys"
            return f"{where} is not known here; {hint}"
        case "missing":
            return f"{where} is missing"
        case "value_error":
            return f"{where}: {context['error']}" if key else str(context["error"])
        case "literal_error":
            return f"{where} must be {context['expected']}"
        case type_ if type_ in _KINDS_OF_VALUES:
            return f"{where} {_KINDS_OF_VALUES[type_]}"
        case _:
            return f"{where}: {fault['msg'][0].lower()}{fault['msg'][1:]}"
