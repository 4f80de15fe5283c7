"""The machine of a run: what it is, what disturbs a measurement on it, and which of its cores and limits
are ours."""
