SELECT unnest(enum_range(NULL::conversation_status));
