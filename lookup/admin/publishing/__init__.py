"""Publishing: a batch sealed, checked again, opened at its hour, and its end."""
