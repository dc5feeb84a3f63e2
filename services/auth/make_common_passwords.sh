#!/bin/sh
# make_common_passwords.sh RANKED_LISTS COMMON_LIST
# Writes the passwords that people are known to use, of at least 8 characters, in lower case, sorted
# and each once: those of the ranked lists of python3-zxcvbn and of the list of python3-django.
set -eu
{
  sed -n 's/^ *"passwords": "\(.*\)"\.split(.*/\1/p' "$1" | tr ',' '\n'
  gzip -dc "$2"
} | LC_ALL=C tr '[:upper:]' '[:lower:]' | LC_ALL=C awk 'length($0) >= 8' | LC_ALL=C sort -u
