"""SUMO: networks, demand, environment, score; a pool of worker processes."""
