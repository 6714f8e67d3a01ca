"""A net's signals: movements, stages, conflicts, programs."""
