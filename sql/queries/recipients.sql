-- Who is mailed about the rollback: users who can use the service. The address is their login.
SELECT email FROM public.users WHERE is_active ORDER BY email
