SELECT unnest(enum_range(NULL::user_role));
