#! /usr/bin/env bash
"$(dirname "$0")/real" ${1+"$@"} "${0%/*}"/x $(dirname $0)
