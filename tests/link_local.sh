#!/usr/bin/env bash
# A cable without a router: IPv6 link-local addresses alone, which are of use with the name of an interface. Run inside
# `unshare --net --mount`.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tests/hosts.sh
. tests/hosts.sh
export PEERLINE_PASSWORD=password
if [ ! -e /proc/sys/net/ipv6 ]; then
    echo 'link local: skipped, as there is no IPv6'
    exit
fi
number=0
for host in server alice bob; do
    make_host $host 10.77.0.$((++number))
    ip -n $host address flush dev eth0
    ip -n $host address add fe80::$number/64 dev eth0 nodad
done
start_server ip netns exec server "$server" --hash-rounds 1000 --bind ::
mkdir "$folder/share" "$folder/downloads"
echo 'over the cable' >"$folder/share/notes.txt"
start_client alice 'Logged in' ip netns exec alice "$client" fe80::1%eth0 4400 --user alice --signup --share "$folder/share"
start_client bob 'Logged in' ip netns exec bob "$client" fe80::1%eth0 4400 --user bob --signup \
    --downloads "$folder/downloads"
type_line bob 'msg alice straight to you'
await "$folder/alice.said" 'bob: straight to you'
await "$folder/bob.said" 'Delivered to alice'
type_line bob 'get alice notes.txt'
await "$folder/bob.said" 'Fetched notes.txt'
cmp "$folder/share/notes.txt" "$folder/downloads/notes.txt"
type_line alice 'chat bob'
await "$folder/bob.said" 'alice wants to chat'
type_line bob accept
await "$folder/alice.said" 'Chat with bob opened'
type_line alice '!exit'
type_line bob quit
on bob timeout "$limit" "$client" doctor fe80::1%eth0 4400 --user bob >"$folder/found" 2>&1 </dev/null || true
for sentence in 'Peers: fine' 'Others: fine, .*alice'; do
    says "$folder/found" "$sentence" && continue
    cat "$folder/found" >&2
    fail "the doctor does not say: $sentence"
done
echo 'link local: all of it'
