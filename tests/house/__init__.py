"""The check of the house: lengths, names and prose that ruff has no rule for, and the way of one row.

`python -m tests.house` prints every fault with its file, line and remedy; `python3 run.py check` runs it after the
linters. `python -m tests.house.way` prints the files and functions that one row enters, from a CSV cell to the results.
"""
