"""Settings of engines, replays, live jobs and races: typed, frozen, and validated when made."""
