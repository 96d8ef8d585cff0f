"""Failure runs: operations are sent while workers, brokers, databases and Vitec itself break."""
