"""What is kept: snapshots and dumps of the database, how they are proved, and the way back to them."""
