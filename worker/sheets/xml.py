"""Reads the parts of a zipped workbook as XML, a piece at a time: no document type, no entity, and never more than a limit."""

import zlib
from collections.abc import Iterator
from typing import Final, Protocol
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile

from worker.sheets.memory import check_memory
from worker.sheets.sheet import FULL, WorkbookFault

MAX_PART: Final = 2 * 1024**3
"""Bytes of one part, unpacked."""

MAX_RATIO: Final = 400
"""How many times as long as packed a part may be once it is longer than `FREE`."""

MAX_TOKEN: Final = 1024**2
"""Bytes of a tag with its attributes: each new piece is searched from its beginning."""

FREE: Final = 256 * 1024**2
_PIECE: Final = 64 * 1024
_SAVE: Final = "Open it and save it as a workbook again"


class Handler(Protocol):
    """Takes the elements of a part in their order. Names have no prefix."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""

    def end(self, name: str) -> None:
        """End it."""

    def text(self, text: str) -> None:
        """Take a piece of text."""


def damaged(why: str) -> WorkbookFault:
    """Make the fault of a workbook that is not as it should be."""
    return WorkbookFault(f"the workbook is damaged ({why})", _SAVE, "damaged_workbook")


def read_part(archive: ZipFile, part: str, handler: Handler) -> Iterator[None]:
    """Read a part; yields after each piece, when `handler` has taken all elements in it. Raises WorkbookFault."""
    parser = _make_parser(handler)
    try:
        info = archive.getinfo(part)
        size = 0
        with archive.open(info) as stream:
            while piece := stream.read(_PIECE):
                size += len(piece)
                if size > MAX_PART or (size > FREE and size > MAX_RATIO * info.compress_size):
                    raise WorkbookFault(
                        "the workbook unpacks to more than an export can hold",
                        "Export fewer rows, or CSV",
                        "workbook_too_large",
                    )
                parser.Parse(piece)
                check_memory()
                if size - max(parser.CurrentByteIndex, 0) > MAX_TOKEN:
                    raise damaged(f"{part}: a tag of more than {MAX_TOKEN // 1024**2} MiB")
                yield
        parser.Parse(b"", True)
        yield
    except KeyError:
        raise damaged("a part of it is missing") from None
    except expat.ExpatError as error:
        if expat.ErrorString(error.code) == expat.errors.XML_ERROR_NO_MEMORY:
            raise MemoryError from None
        raise damaged(f"{part}: {expat.ErrorString(error.code)}, line {error.lineno}") from None
    except (BadZipFile, EOFError, LookupError, OSError, RuntimeError, ValueError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        raise damaged(f"{part}: {type(error).__name__}") from None


def read_whole(archive: ZipFile, part: str, handler: Handler) -> None:
    """Read a part to its end."""
    for _ in read_part(archive, part, handler):
        pass


def _make_parser(handler: Handler) -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    local_names: dict[str, str] = {}

    def local(name: str) -> str:
        return local_names.get(name) or local_names.setdefault(name, name.rpartition(":")[2])

    def begin(name: str, attributes: dict[str, str]) -> None:
        # Most workbooks of Office Open XML have no prefixes, and need no names without them.
        if ":" in name:
            parser.StartElementHandler = lambda name, attributes: handler.start(local(name), attributes)
            parser.EndElementHandler = lambda name: handler.end(local(name))
        else:
            parser.StartElementHandler = handler.start
            parser.EndElementHandler = handler.end
        handler.start(local(name), attributes)

    def refuse(*_: object) -> None:
        raise WorkbookFault("the workbook declares a document type, as none does", _SAVE, "damaged_workbook")

    parser.StartElementHandler = begin
    parser.CharacterDataHandler = handler.text
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    return parser
