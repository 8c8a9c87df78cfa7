#!/bin/sh
# The first process of a container is not ended by SIGTERM unless it asks for it.
trap 'kill $!; exit 0' TERM INT
/bin/busybox httpd -f -p "127.0.0.1:$PORT" -h /www &
wait $!
