"""The exchange room: claim, settle and look up, and all that a turn may move in its one transaction."""
