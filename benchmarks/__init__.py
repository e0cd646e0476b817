"""Programs that measure, run by hand: speed, forecasting accuracy, online recurrent learning.

``python -m benchmarks.speed``, ``python -m benchmarks.accuracy`` and ``python -m benchmarks.recurrent`` print a table,
or with ``--json`` one object. Times are never asserted anywhere: they are compared within one run, and what was
measured stands in RESULTS.md.
"""
