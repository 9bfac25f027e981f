#!/usr/bin/env bash
# What `client doctor` says of networks with something wrong in them. Run inside `unshare --net --mount`.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tests/hosts.sh
. tests/hosts.sh
export PATH="$PATH:/usr/sbin:/sbin" PEERLINE_PASSWORD=password
make_host server 10.77.0.1
make_host left 10.77.0.2
make_host right 10.77.0.3
# Another network, in which the server is too, and a machine behind a router.
make_bridge other
make_host server 10.78.0.1 other eth1
make_host far 10.78.0.2 other
make_bridge inside
make_host left 192.168.9.1 inside eth1
make_host guest 192.168.9.2 inside
ip -n guest route add default via 192.168.9.1

# examines HOST SERVER PORT PATTERN...: the doctor there says all of these.
examines() {
    local host=$1 at=$2 port=$3 code=0 name=doctor-$1
    shift 3
    # Who is known already is not signed up again.
    on "$host" "$client" "$at" "$port" --user "$name" --signup --exec quit >"$folder/quit" 2>&1 </dev/null || true
    on "$host" timeout "$limit" "$client" doctor "$at" "$port" --user "$name" >"$folder/found" 2>&1 </dev/null || code=$?
    for pattern; do
        grep -q -e "$pattern" "$folder/found" && continue
        cat "$folder/found" >&2
        fail "doctor on $host, exit code $code: does not say: $pattern"
    done
    printf '%s:\n' "$host" && sed 's/^/    /' "$folder/found"
}

echo '== A server that listens on loopback alone'
start_server ip netns exec server "$server" --hash-rounds 1000 --bind 127.0.0.1
examines server 127.0.0.1 4400 'Peers: fine' 'the server listens on loopback alone (start it with --bind 0.0.0.0)'
examines left 10.77.0.1 4400 'connection refused' 'does it listen on more than loopback (--bind 0.0.0.0)'
kill "$server_id"
wait "$server_id" || true
rm "$folder/listening"

start_server ip netns exec server "$server" --hash-rounds 1000
enter() { start_client "$1" 'Logged in' ip netns exec "$2" "$client" "$3" 4400 --user "$1" --signup; }
enter teacher server 127.0.0.1
await "$folder/teacher.said" 'Others can reach you from other machines too'
enter alice left 10.77.0.1

echo '== All is well'
examines right 10.77.0.1 4400 'TCP to 10.77.0.1:4400: fine' 'UDP both ways: fine' 'Peers: fine' \
    'Others: fine, reached .*alice' 'Others: fine, .*teacher'
examines server 127.0.0.1 4400 'Other machines: clients there connect to TCP port [0-9]*'

echo '== Another program on the port'
examines right 10.77.0.2 4401 'another program listens at 10.77.0.2:4401'

echo '== A network that is not shared'
examines far 10.77.0.1 4400 'network is unreachable' 'the address that the server has in a network of yours'
examines far 10.78.0.1 4400 "alice is not reachable at 10.77.0.2:4401: network is unreachable" \
    "the server's address in a network that you share" 'Others: fine, reached teacher'

echo '== Wireless that keeps its clients apart'
for host in left right; do bridge link set dev $host-eth0 isolated on; done
ip -n right neighbour flush dev eth0
examines right 10.77.0.1 4400 'alice is not reachable at 10.77.0.2:4401: no route to host' 'wireless' \
    'Others: fine, reached teacher'
for host in left right; do bridge link set dev $host-eth0 isolated off; done

if ! command -v nft >/dev/null; then
    echo 'doctor: skipped what needs nft'
    exit
fi
# filter HOST RULE...: what that host's firewall drops.
filter() {
    local host=$1
    shift
    on "$host" nft add table inet rules
    on "$host" nft add chain inet rules input '{ type filter hook input priority 0; }'
    on "$host" nft add rule inet rules input "$@" drop
}
no_filter() { on "$1" nft delete table inet rules; }

echo '== Firewalls'
filter server tcp dport 4400
examines right 10.77.0.1 4400 'connection timed out' 'drop TCP port 4400'
no_filter server
filter server udp dport 4400
examines right 10.77.0.1 4400 'Open UDP port 4400' 'Peers: fine'
no_filter server
filter left tcp flags == syn
examines right 10.77.0.1 4400 'alice is not reachable at 10.77.0.2:4401: connection timed out: a firewall there'
examines left 10.77.0.1 4400 'Peers: .*10.77.0.2:[0-9]*: connection timed out' "Open that TCP port in this machine's firewall"
no_filter left
type_line alice quit
listens() { on left bash -c ': </dev/tcp/10.77.0.2/4401'; }
has_left() { ! listens; }
until_true has_left

echo '== The guest of a host with NAT'
on left sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
on left nft add table ip nat
on left nft add chain ip nat out '{ type nat hook postrouting priority 100; }'
on left nft add rule ip nat out ip saddr 192.168.9.0/24 masquerade
examines guest 10.77.0.1 4400 'this machine is 192.168.9.2, and 10.77.0.2 for the server' 'bridged or host-only'
enter dave left 10.77.0.1
examines guest 10.77.0.1 4400 "10.77.0.2:4401 is another client's, or a port forward: this machine is 192.168.9.2" 'bridged or host-only'
type_line dave quit
until_true has_left
enter carol guest 10.77.0.1
examines right 10.77.0.1 4400 'carol is not reachable at 10.77.0.2:4401: connection refused' 'bridged or host-only'
echo 'doctor: all of it'
