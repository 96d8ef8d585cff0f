"""Old Office files, and encrypted new ones: told apart by the names in their directory."""

from typing import Final

from worker.feeds.content import PrivateCopy
from worker.feeds.source import FileRefused

_SAVE: Final = "Save it as xlsx, or export it as CSV in UTF-8"
_OVERLAP: Final = 64


def check_old_workbook(content: PrivateCopy) -> None:
    """Raise `FileRefused` for an old Office file that is no workbook that can be read."""
    names = {name: name.encode("utf-16-le") for name in ("EncryptedPackage", "Workbook", "Book", "WordDocument")}
    present, tail = set[str](), b""
    for chunk in content.chunks():
        searched = tail + chunk
        present |= {name for name, mark in names.items() if mark in searched}
        tail = chunk[-_OVERLAP:]
    if "EncryptedPackage" in present:
        wrong = "the workbook is protected by a password"
        raise FileRefused(content.name, wrong, "Save it without a password", "encrypted_file")
    if not present & {"Workbook", "Book"}:
        form = "an old document of Word" if "WordDocument" in present else "an old Office file, and no workbook"
        raise FileRefused(content.name, f"this is {form}, not a table", _SAVE, "not_a_table")
