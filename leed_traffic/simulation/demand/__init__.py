"""Who drives when and where, as SUMO reads it."""
