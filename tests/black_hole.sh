#!/usr/bin/env bash
# Between two networks stands a router that drops packets longer than 1,280 bytes and tells nobody, as some VPNs do: all
# that works without it works through it. Then one that drops what is longer than 700: the doctor says which size gets
# through. Run inside `unshare --net --mount`.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tests/hosts.sh
. tests/hosts.sh
export PATH="$PATH:/usr/sbin:/sbin" PEERLINE_PASSWORD=password
if ! command -v nft >/dev/null; then
    echo 'black hole: skipped, as it needs nft'
    exit
fi
make_bridge far
make_host router 10.77.0.254
make_host router 10.78.0.254 far eth1
make_host server 10.77.0.1
make_host alice 10.77.0.2
make_host bob 10.78.0.3 far
on router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
for host in server alice; do
    ip -n $host route add 10.78.0.0/24 via 10.77.0.254
    ip -n $host -6 route add fd10:78::/64 via fd10:77::254
done
ip -n bob route add 10.77.0.0/24 via 10.78.0.254
ip -n bob -6 route add fd10:77::/64 via fd10:78::254

# swallow BYTES: from now on the router drops longer packets. (What a sender hands over in one piece of many segments
# is cut before: a router sees packets.)
swallow() {
    on router nft delete table inet hole 2>/dev/null || true
    on router nft add table inet hole
    on router nft add chain inet hole forward '{ type filter hook forward priority 0; }'
    on router nft add rule inet hole forward meta length '>' "$1" counter drop
}
for host in server alice bob router; do
    for interface in eth0 eth1; do
        [ $host$interface = routereth1 ] || [ $interface = eth0 ] || continue
        on $host ethtool -K $interface tso off gso off gro off >/dev/null 2>&1 ||
            ip -n $host link set $interface gso_max_segs 1
    done
done

start_server ip netns exec server "$server" --hash-rounds 1000 --rate off --bind ::
mkdir "$folder/share"
head -c 20000000 /dev/urandom >"$folder/share/big.bin"
start_client alice 'Logged in' ip netns exec alice "$client" 10.77.0.1 4400 --user alice --signup --share "$folder/share"
for number in $(seq 60); do
    type_line alice "bcast_$number $(printf '%0900d' 0)"
done
await "$folder/alice.said" '60 0000'
text=$(printf '%03000d' 7)

# goes NAME SERVER: sign-up, a login with an hour of broadcasts, a long message, a file; says how
# long that took, and judges it not: machines are noisy.
goes() {
    local name=$1 at=$2 begun took
    mkdir "$folder/$name"
    begun=$(date +%s%N)
    start_client "$name" 'Logged in' ip netns exec bob "$client" "$at" 4400 --user "$name" --signup --downloads "$folder/$name"
    await "$folder/$name.said" '60 0000'
    type_line "$name" "msg alice from $name $text"
    await "$folder/alice.said" "from $name $text"
    type_line "$name" 'get alice big.bin'
    await "$folder/$name.said" 'Fetched big.bin'
    took=$((($(date +%s%N) - begun) / 1000000))
    cmp "$folder/share/big.bin" "$folder/$name/big.bin"
    type_line "$name" quit
    echo "$name by $at: $took ms"
}
goes before 10.77.0.1
goes before6 fd10:77::1
swallow 1280
goes through 10.77.0.1
goes through6 fd10:77::1

echo '== The doctor'
on bob "$client" doctor 10.77.0.1 4400 --user doctor --signup >"$folder/found" 2>&1 </dev/null || true
swallow 700
code=0
on bob timeout "$limit" "$client" doctor 10.77.0.1 4400 --user before >"$folder/found" 2>&1 </dev/null || code=$?
if [ $code != 1 ] || ! says "$folder/found" 'one of 500 bytes gets through, and one of 800 does not'; then
    cat "$folder/found" >&2
    fail "the doctor, exit code $code, does not say which size gets through"
fi
echo 'black hole: all of it'
