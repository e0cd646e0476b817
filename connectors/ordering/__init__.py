"""Put events in order of time, and replay them at their recorded pace."""
