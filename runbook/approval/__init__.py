"""The approval: who may give it, how it is proved, and how it is asked for."""
