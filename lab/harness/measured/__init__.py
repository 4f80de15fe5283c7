"""The measured process, and what it is seen to use: the lab's own worker, or somebody's own program."""
