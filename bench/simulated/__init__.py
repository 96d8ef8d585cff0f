"""The worker's rules of sharing in simulated time, step by step as they stand in `worker`.

Every module names its original; numbers are imported, not written again. Failures, holds, look-ups, rescue and expiry
are left out: they do not decide the order. Rows are counted, not kept.
"""
