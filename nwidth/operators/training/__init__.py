"""Training: data, losses, schedules, checkpoints, and the loop itself."""
