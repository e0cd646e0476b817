"""The live job that reads MQTT."""
