"""One tick: read, decide, rule, command; commands of a person, bundles that are swapped."""
