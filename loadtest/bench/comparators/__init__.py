"""The same lookup, as others would build it: what the service is measured against."""
