"""The load process: one engine for each kind of client, and what their raw times become."""
