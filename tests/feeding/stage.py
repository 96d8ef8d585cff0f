"""An office with feeds: a database, a folder with feeds.toml, and runs as a worker makes them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from models import Feed, FeedFile, Operation, RejectedRow
from tests.importing.exports import comeback, export
from worker.feeding import FeedRunner
from worker.settings import Settings

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from sqlalchemy import Row

    from worker.outbox import Database

FOLDER_FEED = '[feeds.calendar]\nfolder = "drop"\nkind = "comeback"\nat_rest = 0\n'


@dataclass(slots=True)
class Stage:
    """Holds the folder of feeds.toml, and runs its feeds."""

    db: Database
    folder: Path
    stops: bool = False
    rung: list[str] = field(default_factory=list)

    @property
    def drop(self) -> Path:
        return self.folder / "drop"

    def write_feeds(self, text: str = FOLDER_FEED) -> None:
        """Write feeds.toml, and make the folder that it names."""
        self.drop.mkdir(exist_ok=True)
        (self.folder / "feeds.toml").write_text(text, encoding="utf-8")

    def drop_file(
        self, *ids: str, name: str = "export.csv", headings: Sequence[str] | None = None, note: str = ""
    ) -> Path:
        """Write an export of comebacks into the folder."""
        rows = [comeback(source_id, note) for source_id in ids]
        return export(self.drop, rows, name=name, **({} if headings is None else {"headings": headings}))

    def runner(self) -> FeedRunner:
        settings = Settings(feeds_file=self.folder / "feeds.toml")
        return FeedRunner(self.db, settings, self._ring, lambda: self.stops)

    def _ring(self, kinds: Iterable[str]) -> None:
        self.rung += kinds

    def scan(self) -> Counter[str]:
        """Run all feeds, as if each were due."""
        runner = self.runner()
        runner.register()
        with self.db.write() as connection:
            connection.execute(update(Feed).values(next_run_at=Feed.created_at))
        return runner.scan()

    def feed(self, name: str = "calendar") -> Any:
        with self.db.read() as connection:
            return connection.execute(select(Feed.__table__).where(Feed.name == name)).one()

    def operations(self) -> Sequence[str]:
        with self.db.read() as connection:
            return connection.scalars(select(Operation.source_id).order_by(Operation.id)).all()

    def files(self) -> Sequence[Row[Any]]:
        with self.db.read() as connection:
            return connection.execute(select(FeedFile.__table__).order_by(FeedFile.id)).all()

    def rejections(self) -> Sequence[Row[Any]]:
        with self.db.read() as connection:
            return connection.execute(select(RejectedRow.__table__).order_by(RejectedRow.id)).all()

    def listing(self, place: str = "") -> list[str]:
        """List the files of a folder beside reports."""
        return sorted(
            path.name for path in (self.drop / place).iterdir() if path.is_file() and ".report." not in path.name
        )

    def report(self, name: str = "export.csv", place: str = "done") -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.drop / place / f"{name}.report.json").read_text(encoding="utf-8"))
        return report
