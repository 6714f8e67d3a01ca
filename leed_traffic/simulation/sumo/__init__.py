"""SUMO itself: processes, options, servers, foreign files made harmless."""
