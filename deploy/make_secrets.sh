#!/bin/sh
# Makes the secrets that docker-compose.yml reads, with passwords by chance; what is there already is left as it is.
# Vitec's password is yours to give, in VITEC_PASSWORD; the login for Flower may be, as name:password in FLOWER_BASIC_AUTH.
set -eu
here=$(dirname "$0")
folder=${1:-$here/../secrets}

# Only you may enter the folder. The files themselves are readable, since each is mounted into a container,
# and its user has another number than yours.
mkdir -p "$folder"
chmod 0700 "$folder"
umask 0022

secret() { # NAME TEXT
    [ -e "$folder/$1" ] || printf '%s\n' "$2" >"$folder/$1"
}
password() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

secret postgres_password "$(password)"
secret redis_password "$(password)"
secret database_url "postgresql+psycopg://vitec-sync:$(cat "$folder/postgres_password")@postgres:5432/vitec-sync"
secret broker_url "redis://vitec-sync:$(cat "$folder/redis_password")@redis:6379/0"
secret redis_acl "$(sed "s/PASSWORD/$(cat "$folder/redis_password")/" "$here/redis.acl")"
[ -e "$folder/vitec_password" ] || secret vitec_password "${VITEC_PASSWORD:?must be set to the password that Vitec gave you}"
secret flower_basic_auth "${FLOWER_BASIC_AUTH:-vitec-sync:$(password)}"
echo "The secrets are in $folder."
