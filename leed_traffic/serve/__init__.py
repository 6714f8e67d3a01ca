"""The controller at the street: no torch, no simulator."""
