-- Forward migration 013: Google's Gemini can be chosen as a provider. Runs on the baseline; does not depend on
-- 010 to 012. Opens no transaction of its own; the label can be used only after the transaction that adds it commits.
--
-- The CHECK on llm_usage.provider was not widened by it: calls to Gemini cannot be written there.

ALTER TYPE public.llm_provider ADD VALUE 'gemini';

COMMENT ON TYPE public.llm_provider IS 'Whose language model answers';
