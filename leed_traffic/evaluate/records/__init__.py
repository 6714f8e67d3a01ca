"""What a run's records tell of each intersection, of corridors and of the street map."""
