-- Forward migration 011 as it was shipped. IT FAILS HALF WAY, on purpose: it is here to make the states that real
-- databases were left in. Never deploy it; 011_remove_handover.sql is the mended version.
--
-- The statement marked (*) fails, because the default of conversations.status is of the old type. What is left then:
--   with ON_ERROR_STOP (stopped there)  handover_notifications and handed_over_at are gone, conversation_status has
--                                       all three labels, the type conversation_status_new is left over,
--                                       message_sender and the messages are as before.
--   plain psql -f (goes on)             the same, and DROP TYPE and RENAME of conversation_status fail too; then the
--                                       part on message_sender succeeds: labels user and assistant, no message
--                                       from a professional any more.
--                                       The comments at the end are set on what is there, so also on the old type.
-- psql -1 leaves nothing of it: the whole file is rolled back.

UPDATE public.conversations SET status = 'active' WHERE status = 'handed_over';

DROP TABLE public.handover_notifications;
ALTER TABLE public.conversations DROP COLUMN handed_over_at;

CREATE TYPE public.conversation_status_new AS ENUM ('active', 'closed');
ALTER TABLE public.conversations -- (*)
    ALTER COLUMN status TYPE public.conversation_status_new USING status::text::public.conversation_status_new;
DROP TYPE public.conversation_status;
ALTER TYPE public.conversation_status_new RENAME TO conversation_status;
ALTER TABLE public.conversations ALTER COLUMN status SET DEFAULT 'active';

CREATE TYPE public.message_sender_new AS ENUM ('user', 'assistant');
ALTER TABLE public.messages
    ALTER COLUMN sender TYPE public.message_sender_new
    USING (CASE sender::text WHEN 'user' THEN 'user' ELSE 'assistant' END)::public.message_sender_new;
DROP TYPE public.message_sender;
ALTER TYPE public.message_sender_new RENAME TO message_sender;

COMMENT ON TYPE public.conversation_status IS 'Open or closed; nothing is handed over any more';
COMMENT ON TYPE public.message_sender IS 'Who wrote a message: the user or the assistant';
COMMENT ON COLUMN public.conversations.status IS 'Whether the conversation goes on';
COMMENT ON COLUMN public.messages.sender IS 'Who wrote the message';
COMMENT ON TABLE public.conversations IS 'Conversations between users and the assistant';
