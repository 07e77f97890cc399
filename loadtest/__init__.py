"""Measuring and rehearsing: what the service can bear, found out before release day."""
