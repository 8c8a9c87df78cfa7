SELECT unnest(enum_range(NULL::message_sender));
