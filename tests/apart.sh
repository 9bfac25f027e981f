#!/usr/bin/env bash
# People between whom there is no direct way: two behind one router, one by IPv4 and one by IPv6. Both sides are told why
# and what to do, and messages are relayed. Run inside `unshare --net --mount`.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tests/hosts.sh
. tests/hosts.sh
if ! command -v nft >/dev/null; then
    echo 'apart: skipped, as it needs nft'
    exit
fi
make_bridge inside
make_host server 10.77.0.1
make_host router 10.77.0.2
make_host router 10.78.0.1 inside eth1
make_host alice 10.78.0.2 inside
make_host bob 10.78.0.3 inside
make_host carol 10.77.0.3
on router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
on router nft add table ip nat
on router nft add chain ip nat out '{ type nat hook postrouting priority 100; }'
on router nft add rule ip nat out ip saddr 10.78.0.0/24 oifname eth0 masquerade
for host in alice bob; do ip -n $host route add default via 10.78.0.1; done
start_server ip netns exec server "$server" --bind :: --hash-rounds 1000 --rate off

export PEERLINE_PASSWORD=password
# enter NAME SERVER: a client on the host of this name.
enter() { start_client "$1" 'Logged in' ip netns exec "$1" "$client" "$2" 4400 --user "$1" --signup; }
enter alice 10.77.0.1
enter bob 10.77.0.1
enter carol fd10:77::1

echo '== Behind one router'
type_line alice 'chat bob'
await "$folder/alice.said" 'behind one router, as the server sees you both at 10.77.0.2: run a server inside that network'
await "$folder/bob.said" 'alice cannot reach you directly: the server sees you both at 10.77.0.2'
type_line alice 'msg bob through the server'
await "$folder/bob.said" 'alice: through the server'
await "$folder/alice.said" 'Relayed to bob'

echo '== IPv4 here, IPv6 there'
type_line alice 'chat carol'
await "$folder/alice.said" 'carol has come to the server by IPv6, and you by IPv4'
type_line alice 'msg carol through the server'
await "$folder/carol.said" 'alice: through the server'
await "$folder/carol.said" 'alice cannot reach you directly: one of you comes to the server by IPv4, the other by IPv6'
[ "$(grep -c 'cannot reach you directly' "$folder/bob.said")" = 1 ] || fail 'bob was told more than once'
echo 'apart: all of it'
