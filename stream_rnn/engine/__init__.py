"""The engine and its parts: stream table, intake of events, construction, growth, drift, vocabulary."""
