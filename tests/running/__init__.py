"""Tests that need real worker, beat and Flower processes."""
