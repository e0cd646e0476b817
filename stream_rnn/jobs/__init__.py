"""Jobs connect engines and connectors; no other package knows both."""
