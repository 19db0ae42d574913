"""The verifier that goes into every pack: one file, standard library only."""
