"""The public wing: reads what was released and answers one candidate at a time."""
