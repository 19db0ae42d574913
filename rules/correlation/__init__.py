"""Correlations: what several events of one group mean together, over event time.

Knows neither WeCom nor log sources nor Flink: entries go in with their time, rows come out. The
meaning is written in docs/semantics.md.
"""
