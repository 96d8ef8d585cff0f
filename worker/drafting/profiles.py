"""The profile of a column: its cells' forms and counts, never the cells themselves but for words that are ours."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

from worker.drafting.guessing_times import FormGroups, clocks_of, dated_forms
from worker.drafting.vocabulary import FLAG_WORDS
from worker.feeds import OpenExport, Row
from worker.mapping.converting import fold_word

SAMPLE: Final = 20_000
"""Rows that are looked at."""

DISTINCT: Final = 40
"""A column with more different words than this is no column of kinds or states."""

_PREFIX: Final = re.compile(r"(HAN|ADR|OBJ|VIS|TID|CAL)[0-9A-Z_]{4,}|(M)\d{4,6}")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE: Final = re.compile(r"(?:\+|0)[\d ()/-]{6,20}")
_PERSONAL_NUMBER: Final = re.compile(r"(?:19|20)?\d{6}[-+]?\d{4}")
_PATH_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBER: Final = re.compile(r"[+-]?\d{1,12}")
LIST_SIGNS: Final = ("|", ",", ";", "\n", "/")


class Profile:
    """One column, looked at cell by cell."""

    def __init__(self, heading: str, place: int) -> None:
        self.heading = heading
        self.place = place
        self.filled = 0
        self.counts: Counter[str] = Counter()
        """How many cells are of a class: email, phone, personal_number, path_id, number, flag, sentence, letters, and HAN, ADR and so on."""
        self.dates = FormGroups()
        self.clocks = FormGroups()
        self.words: dict[str, int] | None = {}
        """Folded words with the line of the first; None: there are too many."""
        self.signs: Counter[str] = Counter()
        """Signs between parts that are all ids."""
        self._hashes: set[int] = set()
        self.repeats = False

    def add(self, line: int, raw: Any) -> None:
        """Look at one cell."""
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            return
        self.filled += 1
        if isinstance(raw, list | dict):
            self.counts["list" if isinstance(raw, list) else "object"] += 1
            self.dates.fits = self.clocks.fits = False
            self.words = None
            return
        text = " ".join(str(raw).split())
        self._count_classes(text, is_flag=isinstance(raw, bool))
        self._find_signs(str(raw))
        if self.dates.fits:
            self.dates.add(dated_forms(text) if len(text) < 60 and any(map(str.isdigit, text)) else frozenset())
        if self.clocks.fits:
            self.clocks.add(clocks_of(text) if len(text) < 20 else frozenset())
        if self.words is not None:
            self.words.setdefault(fold_word(text), line)
            self.words = self.words if len(self.words) <= DISTINCT and len(text) <= 40 else None
        if not self.repeats:
            digest = hash(text)
            self.repeats = digest in self._hashes
            self._hashes.add(digest)

    def _count_classes(self, text: str, *, is_flag: bool) -> None:
        if prefix := _PREFIX.fullmatch(text):
            self.counts[prefix[1] or prefix[2]] += 1
        for name, pattern in (
            ("email", _EMAIL),
            ("phone", _PHONE),
            ("personal_number", _PERSONAL_NUMBER),
            ("path_id", _PATH_ID),
            ("number", _NUMBER),
        ):
            if pattern.fullmatch(text):
                self.counts[name] += 1
        self.counts["flag"] += is_flag or fold_word(text) in FLAG_WORDS
        self.counts["sentence"] += " " in text
        self.counts["letters"] += text.isalpha()

    def _find_signs(self, text: str) -> None:
        for sign in LIST_SIGNS:
            parts = [part.strip() for part in text.split(sign)]
            if len(parts) > 1 and all(_PATH_ID.fullmatch(part) for part in parts if part):
                self.signs[sign] += 1

    def share(self, name: str) -> float:
        """Give the part of the filled cells that are of a class."""
        return self.counts[name] / self.filled if self.filled else 0.0

    @property
    def prefix(self) -> str | None:
        """The prefix of Vitec's ids that nearly all cells have."""
        return next((name for name in ("M", "HAN", "ADR", "OBJ", "VIS", "TID", "CAL") if self.share(name) > 0.9), None)

    @property
    def is_time(self) -> bool:
        """Whether every cell is a date, with or without a time of day."""
        return self.filled > 0 and self.dates.fits

    @property
    def is_clock(self) -> bool:
        """Whether every cell is a time of day alone."""
        return self.filled > 0 and self.clocks.fits

    @property
    def looks_personal(self) -> str | None:
        """The class of personal data that most cells have."""
        names = {
            "email": "e-mail addresses",
            "personal_number": "personal identity numbers",
            "phone": "telephone numbers",
        }
        return next((text for name, text in names.items() if self.share(name) > 0.5 and not self.is_time), None)


def profile_columns(source: OpenExport, sample: int = SAMPLE) -> list[Profile]:
    """Look at the first rows of an export."""
    profiles = [Profile(heading, place) for place, heading in enumerate(source.headings)]
    for row in islice(source.rows(), sample):
        if isinstance(row, Row):
            _add_row(profiles, row.line, row.cells)
    return profiles


def _add_row(profiles: Iterable[Profile], line: int, cells: Sequence[Any]) -> None:
    for profile, cell in zip(profiles, cells, strict=False):
        profile.add(line, cell)
