"""Scenarios: built from a recipe, imported, checked, given a demand."""
