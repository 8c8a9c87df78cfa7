"""How long the users are offline: the procedure by hand against the runbook, measured side by side."""
