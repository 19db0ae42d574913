"""The ledger: an append-only Merkle log in SM3 over everything that must not change unseen."""
