-- Drops production's journal and archive from a clone: its runs are not staging's, and it holds what nobody masked.
DROP SCHEMA IF EXISTS rollback CASCADE;
