"""What people read: tables, progress, refusals, harmless text."""
