"""One request to Vitec in, one complete answer or exactly one error of `worker.errors` out."""
