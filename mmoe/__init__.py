"""MMoE, Multi-gate Mixture-of-Experts (KDD 2018)."""
