"""Tests of the client on real sockets."""
