"""From ids to rows, whatever stores them."""
