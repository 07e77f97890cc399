"""People: who may act, how they prove who they are, and for how long."""
