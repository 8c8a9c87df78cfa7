"""The fence: who is kept out of the database during the change, and who opens it again."""
