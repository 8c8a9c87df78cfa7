"""The plan: what would be done, what it costs, what stands in its way, and the page that an approver reads."""
