"""The live job: Kafka in, Kafka out."""
