"""One process of `bench --intake`: it does one thing, and prints what that took. `python -m bench.taking WHAT URL FILE`.

The raw COPY goes into a plain, logged, keyless table of texts; the COPY with key into a temporary one and from there, with
ON CONFLICT DO NOTHING, into a plain table whose key is the row's id. Both are given the bytes of the export as they are.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from pathlib import Path

import psycopg

from worker.importing import import_file
from worker.outbox import Database, connect
from worker.results import write_file

RAW, KEYED, FIRST, AGAIN, RESULTS = "raw COPY", "COPY + ON CONFLICT", "import", "the same again", "results"


def peak() -> float:
    """MiB of memory at most, so far. What `getrusage` tells begins with the peak of the process that started this one."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def copied(url: str, file: Path, *, key: bool) -> int:
    """Copy the export's bytes, in one transaction."""
    with file.open(encoding="utf-8", newline="") as heading:
        names = next(csv.reader(heading))
    columns = ", ".join(f"{name} text" for name in names)
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE {'TEMPORARY ' if key else ''}TABLE staged ({columns})")
        with file.open("rb") as source, cursor.copy("COPY staged FROM STDIN (FORMAT csv, HEADER true)") as copy:
            while block := source.read(256 * 1024):
                copy.write(block)
        if key:
            cursor.execute(f"CREATE TABLE kept ({columns}, PRIMARY KEY (source_id))")
            cursor.execute("INSERT INTO kept SELECT * FROM staged ON CONFLICT DO NOTHING")
        return cursor.rowcount


def do(what: str, url: str, file: Path) -> int:
    """Do it, and say with how many rows."""
    if what in {RAW, KEYED}:
        return copied(url, file, key=what == KEYED)
    db = Database(connect(url))
    if what == RESULTS:
        return write_file(db, file, form="csv").operations
    return import_file(db, file, feed="crm" if what in {FIRST, AGAIN} else "tenth").total


def main() -> None:
    """Do it and print one line of JSON."""
    what, url, file = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    began, spent = time.monotonic(), time.process_time()
    rows = do(what, url, file)
    taken = {"rows": rows, "seconds": time.monotonic() - began, "cpu": time.process_time() - spent}
    print(json.dumps({**taken, "memory": peak()}))


if __name__ == "__main__":
    main()
