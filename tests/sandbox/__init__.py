"""Tests of the stand-in for Vitec Connect."""
