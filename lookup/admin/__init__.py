"""The bureau's wing: batches in, sealed releases out, live pointers moved."""
