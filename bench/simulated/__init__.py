"""The worker's rules of sharing in simulated time, step by step as they stand in `worker`.

Every module names what it copies; numbers are imported, not written again. Left out is what does not decide who goes
first: failures, holds, look-ups, rescue, expiry. Rows are counted, not kept.
"""
