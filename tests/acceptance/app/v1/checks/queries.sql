-- What release v1 asks of the database, and what it writes.
SELECT c.id, t.name, t.profession, c.handed_over_at FROM conversations c JOIN digital_twins t ON t.id = c.twin_id LIMIT 1;
EXPLAIN INSERT INTO messages (conversation_id, sender, content) VALUES (NULL, 'professional', 'is planned, not written');
