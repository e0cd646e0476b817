"""MQTT: messages of a broker, in a journal on disk before they are acknowledged."""
