"""Evidence packs: bundle, PDF, signature, verifier."""
