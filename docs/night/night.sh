#!/usr/bin/env bash
# A shop's night: today's events into the log, tonight's model, a test of it against the one that is live, lists.
#
#     night.sh SHOP EVENTS... [-- OPTIONS of `sracl train`]
#
# EVENTS: files of events since last night, and of new items if there are. In the folder SHOP:
#     data/NIGHT     the log as it was that night        live           the export that `sracl serve SHOP/live` answers from
#     runs/          the runs                            live-run       the name of its run
#     exports/NIGHT  what that night exported            lists.parquet  everybody's list
#
# The first night prepares and trains from nothing. Whatever fails, or is worse, leaves live what was live.
set -euo pipefail
keep=3 # nights

shop=$1
shift
files=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    files+=("$(realpath "$1")")
    shift
done
[ $# -eq 0 ] || shift
options=("$@")

cd "$shop"
exec 9>.night.lock
flock -n 9 || { echo "another night of $shop is not over" >&2; exit 1; }
mkdir -p data runs exports
night=$(date -u +%Y%m%d-%H%M%S)

if [ -e live-run ]; then
    live=$(cat live-run)
    latest=data/$(ls data | sort | tail -n 1)
    sracl monitor "$live" "${files[@]}" --quiet || echo "what it would have told is not known" >&2
    sracl data append "$latest" "${files[@]}" --out "data/$night" --quiet
    sracl train "data/$night" --from "$live" --epochs 3 --name "$night" --quiet "${options[@]}"
    sracl runs compare "$live" "$night" --refreshed
else
    sracl data prepare "${files[@]}" --out "data/$night" --quiet
    sracl train "data/$night" --preset fast --name "$night" --quiet "${options[@]}"
fi
sracl export "$night" --out "exports/$night"
sracl recommend "$night" --all --out lists.parquet --quiet

# One move each, so that nobody meets half of it; a service that is running takes it up within a second.
echo "$night" >live-run.new && mv live-run.new live-run
ln -sfn "exports/$night" live.new && mv -T live.new live

for folder in exports data runs; do
    for old in $(ls "$folder" | sort | head -n "-$keep"); do
        rm -rf "${folder:?}/$old"
    done
done
