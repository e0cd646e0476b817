"""Benchmark programs, run by hand: speed, forecast accuracy, recurrent learning, anomaly scores, intervals, Kafka.

Each program, such as ``python -m benchmarks.speed``, prints tables, or with ``--json`` one JSON object. Measured
figures are in RESULTS.md. No test asserts them: times depend on the machine and are comparable within one run only.
"""
