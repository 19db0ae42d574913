"""Thin adapters between the pure core and PyFlink."""
