"""The desk: the one place through which people reach what is archived, whatever they sit at."""
