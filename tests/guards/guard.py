"""A guard: the line that keeps a rule, the code without it, and the test that must notice."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Guard:
    """`source` stands exactly once in `file`; with `without` in its place, `test` must fail."""

    rule: int
    name: str
    file: str
    source: str
    without: str
    test: str

    def stands(self, root: Path) -> bool:
        """Whether the guard's text still stands exactly once in its file."""
        return (root / self.file).read_text("utf-8").count(self.source) == 1

    def remove(self, root: Path) -> str:
        """Take it out of the tree at `root`; return the file's text as it was."""
        path = root / self.file
        before = path.read_text("utf-8")
        assert before.count(self.source) == 1, f"{self.name}: its text no longer stands once in {self.file}"
        path.write_text(before.replace(self.source, self.without), "utf-8")
        return before
