"""Safety core, for which a person signs: limits, stage program, envelope (minimum green, clearances, maximum red), proof."""
