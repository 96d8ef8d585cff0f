"""Tests of the codes and the sentences about them."""
