"""Learning and driving side by side: blocks of intersections, processes of this machine, a Ray cluster."""
