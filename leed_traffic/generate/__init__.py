"""Demonstrations: brief, plans of an author, execution, check, refinement, record."""
