"""`python -m worker.cli`: the same as `vitec-sync`, wherever its script was installed."""

from worker.cli import main

main()
