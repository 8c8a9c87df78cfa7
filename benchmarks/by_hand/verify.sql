-- The procedure's step 5.
\dt
SELECT unnest(enum_range(NULL::conversation_status));
SELECT unnest(enum_range(NULL::message_sender));
SELECT unnest(enum_range(NULL::user_role));
