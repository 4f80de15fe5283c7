"""What a run will measure, in which order and how often: decided before the first sample, or between two
rounds."""
