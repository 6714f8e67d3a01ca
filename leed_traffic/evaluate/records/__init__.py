"""Records of a run: intersections, corridors, timelines, the street map."""
