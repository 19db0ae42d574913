"""Parts of the deliverer: where it reads, what it remembers, how it waits."""
