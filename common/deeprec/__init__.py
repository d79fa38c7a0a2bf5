"""DeepRec's own implementations, who serves which flag, and what does not go together."""
