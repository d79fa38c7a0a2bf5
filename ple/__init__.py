"""PLE, Progressive Layered Extraction (RecSys 2020)."""
