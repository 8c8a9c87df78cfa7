"""What people are told: report, messages, the terminal, and where things stand."""
