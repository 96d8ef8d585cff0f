"""What must hold whatever happens, in whatever order: a state machine that hypothesis drives over the real SQL."""
