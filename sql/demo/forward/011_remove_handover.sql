-- Forward migration 011: conversations are no longer handed over to a professional. Runs on the baseline; does not
-- depend on 010, 012, 013. Opens no transaction of its own.
--
-- Removes: table handover_notifications, conversations.handed_over_at, the label handed_over of conversation_status
-- (such conversations become active) and the label professional of message_sender (such messages become the bot's).
-- The bot is called assistant from here on, also where it was called twin.
--
-- Both enums are made anew and their tables rewritten under ACCESS EXCLUSIVE. This is the mended version;
-- 011_as_shipped.sql is the one that failed half way.

UPDATE public.conversations SET status = 'active' WHERE status = 'handed_over';

DROP TABLE public.handover_notifications;
ALTER TABLE public.conversations DROP COLUMN handed_over_at;

CREATE TYPE public.conversation_status_new AS ENUM ('active', 'closed');
-- The default is of the old type and would forbid the change of type.
ALTER TABLE public.conversations ALTER COLUMN status DROP DEFAULT;
ALTER TABLE public.conversations
    ALTER COLUMN status TYPE public.conversation_status_new USING status::text::public.conversation_status_new;
ALTER TABLE public.conversations ALTER COLUMN status SET DEFAULT 'active';
DROP TYPE public.conversation_status;
ALTER TYPE public.conversation_status_new RENAME TO conversation_status;

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
