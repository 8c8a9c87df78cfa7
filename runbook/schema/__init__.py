"""The schema: what it is, what it must become, the change itself, and whether it came out right."""
