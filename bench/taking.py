"""One process of `bench --intake`: it does one step, and prints its cost. `python -m bench.taking WHAT URL FILE`.

The raw COPY goes into a plain, logged, keyless table of texts; the COPY with key into a temporary one and from there, with
ON CONFLICT DO NOTHING, into a plain table with the row's id as its key. Both get the bytes of the export as they are.
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


def read_peak_memory() -> float:
    """Read the peak of memory in MiB. The figure of `getrusage` begins with the peak of the parent process."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def copy_export(url: str, file: Path, *, key: bool) -> int:
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


def run_step(step: str, url: str, file: Path) -> int:
    """Do a step, and return its number of rows."""
    if step in {RAW, KEYED}:
        return copy_export(url, file, key=step == KEYED)
    db = Database(connect(url))
    if step == RESULTS:
        return write_file(db, file, form="csv").operations
    return import_file(db, file, feed="crm" if step in {FIRST, AGAIN} else "tenth").total


def main() -> None:
    """Do a step and print its cost as one line of JSON."""
    step, url, file = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    began, spent = time.monotonic(), time.process_time()
    rows = run_step(step, url, file)
    taken = {"rows": rows, "seconds": time.monotonic() - began, "cpu": time.process_time() - spent}
    print(json.dumps({**taken, "memory": read_peak_memory()}))


if __name__ == "__main__":
    main()
