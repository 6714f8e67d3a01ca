"""Every safety promise tried against a real SUMO."""
