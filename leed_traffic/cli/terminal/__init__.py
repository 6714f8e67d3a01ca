"""Text for people: options, tables, progress, refusals, harmless text."""
