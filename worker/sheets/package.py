"""The parts of a workbook of Office Open XML that say which sheets it has, where they stand, and how numbers are shown."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Book:
    """The sheets by name, with the ids of their parts, and the calendar."""

    sheets: list[tuple[str, bool, str]] = field(default_factory=list)
    epoch_1904: bool = False
    is_uncalculated: bool = False
    """The workbook is to be calculated when it is opened: the program that wrote it has put no, or any, values there."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take a sheet or the workbook's properties."""
        if name == "sheet":
            part_id = next((value for key, value in attributes.items() if key.endswith(":id") or key == "id"), "")
            is_hidden = attributes.get("state", "visible") != "visible"
            self.sheets.append((attributes.get("name", ""), is_hidden, part_id))
        elif name == "workbookPr":
            self.epoch_1904 = attributes.get("date1904", "0") in {"1", "true", "on"}
        elif name == "calcPr":
            self.is_uncalculated = attributes.get("fullCalcOnLoad", "0") in {"1", "true"}

    def end(self, _name: str) -> None:
        """End an element."""

    def text(self, _text: str) -> None:
        """Take a piece of text."""


@dataclass(slots=True)
class Relations:
    """The parts that a part refers to: id → (type's last word, target)."""

    targets: dict[str, tuple[str, str]] = field(default_factory=dict)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take a relation within the workbook; links to other workbooks are left alone."""
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            sort = attributes.get("Type", "").rpartition("/")[2]
            self.targets[attributes.get("Id", "")] = (sort, attributes.get("Target", ""))

    def end(self, _name: str) -> None:
        """End an element."""

    def text(self, _text: str) -> None:
        """Take a piece of text."""


@dataclass(slots=True)
class Styles:
    """The number format of each style."""

    formats: dict[int, str] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)
    _is_cell_style: bool = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take a format, or a style."""
        if name == "numFmt" and attributes.get("numFmtId", "").isdecimal():
            self.formats[int(attributes["numFmtId"])] = attributes.get("formatCode", "")[:1000]
        elif name == "cellXfs":
            self._is_cell_style = True
        elif name == "xf" and self._is_cell_style:
            number = attributes.get("numFmtId", "0")
            self.numbers.append(int(number) if number.isdecimal() else 0)

    def end(self, name: str) -> None:
        """End an element."""
        if name == "cellXfs":
            self._is_cell_style = False

    def text(self, _text: str) -> None:
        """Take a piece of text."""


def resolve_target(folder: str, target: str) -> str:
    target = target.replace("\\", "/")
    if target.startswith("/"):
        return target.lstrip("/")
    path = folder.split("/") if folder else []
    for step in target.split("/"):
        if step == "..":
            path = path[:-1]
        elif step not in {"", "."}:
            path.append(step)
    return "/".join(path)
