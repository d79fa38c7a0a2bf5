"""What a run is asked to do, as values that check themselves."""
