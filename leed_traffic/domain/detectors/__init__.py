"""Detectors: kinds and places, what they count of the traffic, and how they fail."""
