-- Whether the server counts the rows that a session changes, which the verification lives on; one row.
SELECT current_setting('track_counts')::bool AS counted
