"""Takes out each rule of a turn, one at a time, to see that a test notices: `python -m tests.guards [RULE…]`."""
