"""The world of the demo: what a real installation has, made small and on this machine alone."""
