"""Minutes that stand for an hour."""

SHORT_S = 240
