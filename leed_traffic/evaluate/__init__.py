"""Controllers compared on the same traffic: paired seeds, intervals, evidence."""
