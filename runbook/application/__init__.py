"""The application around the database: its services, and the release that comes back."""
