"""Properties of every history: a state machine that hypothesis drives over the real SQL."""
