"""Measurements that have a command of their own, as parts of `python -m bench`."""
