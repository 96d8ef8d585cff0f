"""A model of the protocol, small enough that every history of it can be tried."""
