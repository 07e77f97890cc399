"""The console's rooms: one noun a file, views over the acts of the admin wing."""
