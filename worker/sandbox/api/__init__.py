"""The interface of the stand-in, as Vitec documents it: a request in, its judgement out, without sockets or faults."""
