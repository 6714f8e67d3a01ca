"""Signals, plans, observations and limits as frozen data and pure functions: numpy, pydantic, nothing else."""
