"""Wiring: chooses ends and connects them."""
