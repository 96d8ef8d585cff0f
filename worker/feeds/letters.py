"""Letters in a wrong encoding: the evidence by which Mac Roman and DOS are told from Windows-1252, and damage in a row.

All three can explain nearly any byte. They are told apart by the place of a byte: š, Œ, „ and † stand inside Swedish
words only if they are ö, å, ä and å of another encoding.
"""

import re
from dataclasses import dataclass
from typing import Final

# Each pattern begins with the byte itself, so that the search for it is a quick one; then what stands before and after it.
_SWEDISH = re.compile(rb"[\xe4\xe5\xf6\xc4\xc5\xd6\xe9](?:(?=[A-Za-z])|(?<=[A-Za-z].))")
_MAC = re.compile(
    rb"[\x8a\x8c\x9a](?:(?=[a-z])|(?<=[A-Za-z].))|\x8e(?<=[A-Za-z].)|[\x80\x81\x85](?=[A-Za-z])"
    rb"|[\xd2-\xd5](?=[a-z])(?<=[a-z].)"
)
_DOS = re.compile(
    rb"[\x84\x86](?:(?=[a-z])|(?<=[A-Za-z].))|\x94(?=[a-z])|[\x82\x94](?<=[A-Za-z].)(?=[A-Za-z])"
    rb"|[\x8e\x8f\x99](?:(?=[A-Za-z])|(?<=[A-Z].))"
)


_PROOF = 4
"""A letter of Windows-1252 outweighs so many of other encodings."""


@dataclass(frozen=True, slots=True)
class LetterCounts:
    """The bytes that are a Swedish letter beside another letter, by the encoding in which they are."""

    windows: int = 0
    mac: int = 0
    dos: int = 0

    def __add__(self, addend: "LetterCounts") -> "LetterCounts":
        return LetterCounts(self.windows + addend.windows, self.mac + addend.mac, self.dos + addend.dos)

    @property
    def probable_encoding(self) -> str:
        """The encoding of the letters. Those of Windows-1252 prove it, those of the others may be names such as Nataša."""
        if self.windows * _PROOF >= max(self.mac, self.dos):
            return "Windows-1252"
        return "Mac Roman" if self.mac > self.dos else "a DOS code page (850 or 437)"


def count_letters(text: bytes) -> LetterCounts:
    """Count the evidence in bytes that are not UTF-8."""
    return LetterCounts(len(_SWEDISH.findall(text)), len(_MAC.findall(text)), len(_DOS.findall(text)))


_TRAIL: Final = bytes(range(0x80, 0xC0))


def _trail_of(codec: str) -> str:
    """Return the characters that the second byte of a letter in UTF-8 becomes where it is read in another encoding."""
    return re.escape("".join(bytes([byte]).decode(codec, "replace").replace("\ufffd", chr(byte)) for byte in _TRAIL))


_TWICE = "|".join(
    (
        f"[ÂÃ][{_trail_of('cp1252')}]",
        f"â€[{_trail_of('cp1252')}]",
        f"√[{_trail_of('mac_roman')}]",
        f"├[{_trail_of('cp850')}{_trail_of('cp437')}]",
        "ï»¿|ï¿½|Å[¡¾‚›¼º»]|Ä[‡™]",
    )
)
_INSIDE_WORD = r"(?<=[a-zåäö])[”„†Œ](?=[a-zåäö])|(?<=[a-zåäö])Š(?![A-ZÅÄÖŠ])|(?<=[a-zåäö])[†Œ](?![a-zåäö])"
_DAMAGED: Final = re.compile(f"(?P<twice>{_TWICE})|(?P<lost>\ufffd)|(?P<foreign>{_INSIDE_WORD})")
"""A letter that was encoded twice, was lost, or is written in another encoding than the rest of the file."""

_DAMAGE: Final = {
    "twice": ("encoded_twice", "a letter was encoded twice (as in Ã¶ for ö)"),
    "lost": ("lost_letters", "a letter was lost: the sign for an unreadable one stands in its place"),
    "foreign": ("foreign_letter", "a sign inside a word is a letter of another encoding (Mac Roman or DOS)"),
}
"""Group of `_DAMAGED` → code and reason."""

_HINTS: Final = ("Ã", "Â", "â€", "√", "├", "\ufffd", "†", "Œ", "ï")
"""Quick to look for in a whole file, one sign each but one: without any of them nothing in it is damaged."""


def may_be_damaged(text: str) -> bool:
    """Tell whether a text is worth a search for damaged letters."""
    return any(hint in text for hint in _HINTS)


def describe_damage(text: str) -> tuple[str, str] | None:
    """Return the code and the reason if a letter of the text is damaged."""
    damaged = _DAMAGED.search(text)
    return _DAMAGE[damaged.lastgroup or ""] if damaged else None
