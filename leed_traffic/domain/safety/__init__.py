"""What a person signs for: limits, stage program, envelope (minimum green, clearances, maximum red), proof."""
