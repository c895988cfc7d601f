#!/bin/sh
# why
set -e
exec gcc \
  -O2 "$@" -DA='x y' "-DB=\"c\"" # end
