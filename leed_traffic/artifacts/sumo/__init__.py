"""SUMO's configuration files, options and clock times."""
