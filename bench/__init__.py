"""The measured promises: how fast the worker drains a backlog, next to limits and peers measured in the same run."""
