"""What may not work here is tried in a process of its own, before anything is timed."""
