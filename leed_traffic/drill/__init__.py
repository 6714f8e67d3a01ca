"""Drill: safety promises tried against a real SUMO."""
