"""The trial: the very transaction, run before anything stops on a throw-away copy of this database's schema."""
