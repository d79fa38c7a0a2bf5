"""Which files hold the rows."""
