"""The groups of commands below `lookup`, and what they share."""
