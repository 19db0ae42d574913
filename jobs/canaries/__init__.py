"""Planted messages, followed from where records are collected to every target."""
