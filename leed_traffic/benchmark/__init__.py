"""Learners from the same start: what they need and what they reach."""
