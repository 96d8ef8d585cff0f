"""Reads the sheets of workbooks (xlsx, xlsm, ods, xls) in a process of its own: rows of texts as a person sees them.

The process imports nothing else of the worker, so that it is small, and has a limit of memory that ends it, not the
worker.
"""
