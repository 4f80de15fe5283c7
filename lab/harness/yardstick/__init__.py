"""How fast the machine is at this moment: fixed work, timed before and after each slice of a window."""
