"""Failure runs: what happens to operations while workers, brokers, databases and Vitec itself break."""
