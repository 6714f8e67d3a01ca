"""Readings of a site's detectors, and whether to believe them."""
