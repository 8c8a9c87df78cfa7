"""The rehearsal on staging: production cloned there, its contact data masked, and staging put back as it was."""
