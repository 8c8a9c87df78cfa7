-- What release v2 asks of the database.
SELECT c.id, t.name, t.description FROM conversations c JOIN knowledge_bases t ON t.id = c.kb_id LIMIT 1;
