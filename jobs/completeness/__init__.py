"""Whether what was taken in came out: counts of each step against those of the next."""
