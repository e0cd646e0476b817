"""Kafka topics as sources and sinks of events."""
