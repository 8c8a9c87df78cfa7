-- The procedure's option 1 for users without a password, to the letter.
UPDATE users
SET password_hash = '$2b$10$TEMPORARY_HASH_INVALID_FOR_LOGIN'
WHERE password_hash IS NULL;
