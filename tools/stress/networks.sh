#!/usr/bin/env bash
# A server and five clients on networks of several kinds, and how long people wait there: `scripts/bench networks` starts
# this inside `unshare --net --mount --pid`. FOLDER is where the programs are; a row is printed for each folder and each
# kind of network.
#
#   tools/stress/networks.sh SWITCH STRESS FOLDER...
set -eu
cd "$(dirname "$0")/../.."
switch=$1 stress=$2
shift 2
folders=("$@")
# shellcheck source=tests/hosts.sh
. tests/hosts.sh '' '' "$switch"
PATH=$PATH:/usr/sbin:/sbin
limit=60
beside=() names=peerline number=0

for host in server c1 c2 c3 c4 c5; do make_link "$host" "10.77.0.$((++number))"; done
mkdir "$folder/shared"

# What is compared with, on c2, at its address of IPv4 and of IPv6.
start_others() {
    : >"$folder/shared/big"
    if command -v curl >/dev/null && command -v python3 >/dev/null; then
        ip netns exec c2 python3 -m http.server --bind :: --directory "$folder/shared" 8000 >"$folder/http.log" 2>&1 &
        until_true on c1 curl -sf -o "$folder/probe" http://10.77.0.3:8000/big
        beside+=("curl -sf -o $folder/by-curl http://AT:8000/big") names="$names / curl"
    else
        echo "without curl: curl or python3 is not installed" >&2
    fi
    if command -v sshd >/dev/null && command -v scp >/dev/null; then
        ssh-keygen -q -t ed25519 -N '' -f "$folder/host_key"
        ssh-keygen -q -t ed25519 -N '' -f "$folder/key"
        cp "$folder/key.pub" "$folder/authorized"
        mkdir -p /run/sshd 2>/dev/null || true
        ip netns exec c2 "$(command -v sshd)" -D -p 2222 -h "$folder/host_key" -o "AuthorizedKeysFile=$folder/authorized" \
            -o StrictModes=no -o PidFile=none -o UsePAM=no -o PermitRootLogin=yes 2>/dev/null &
        local scp="scp -q -i $folder/key -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -P 2222"
        # In a user's namespace an sshd has no other user to become.
        if (limit=5 && until_true on c1 sh -c "$scp 10.77.0.3:$folder/shared/big $folder/probe") 2>/dev/null; then
            beside+=("$scp AT:$folder/shared/big $folder/by-scp") names="$names / scp"
        else
            echo "without scp: sshd serves nobody in this namespace; as root it may" >&2
        fi
    else
        echo "without scp: sshd or scp is not installed (openssh-server, openssh-client)" >&2
    fi
}

# measure LABEL SERVER PEER MEGABYTES: a row of each folder, with a fresh server.
measure() {
    local label=$1 at=$2 peer=$3 megabytes=$4 given command
    head -c "${megabytes}000000" /dev/urandom >"$folder/shared/big"
    for given in "${folders[@]}"; do
        local options=()
        for command in "${beside[@]}"; do options+=(--beside "${command/AT/$peer}"); done
        start_server ip netns exec server "$given/server" --bind :: --hash-rounds 1000 --rate off --no-find
        on server "$stress" --folder "$folder" --server "$given/server" --client "$given/client" networks \
            --at "$at" --label "$label${folders[1]:+, $given}" --share "$folder/shared" "${options[@]}" ||
            echo "| $label, $given | failed, as is said above |"
        kill "$server_id"
        wait "$server_id" || true
        rm -rf "$folder/listening" "$folder/data"
    done
}

# links SETTING...: those of the clients; the server's has no faults.
links() { for host in c1 c2 c3 c4 c5; do network "$host" delay=0ms jitter=0ms loss=0% reorder=0% rate=off "$@"; done; }
mtu() { for host in c1 c2 c3 c4 c5; do ip -n "$host" link set dev eth0 mtu "$1"; done; }

start_others
echo "| network | sign-up and login, at most | list p50 / max, ms | broadcasts shown (of 2,500); p50 / p99 / max, ms; repeats \
| msg p50 / max, ms | chat round trip p50 / p99, ms | file: $names, s | run p50 / max, ms |"
echo '| --- | --- | --- | --- | --- | --- | --- | --- |'
measure 'no delay' 10.77.0.1 10.77.0.3 20
links delay=1.5ms loss=0.5% rate=50mbit
measure 'good Wi-Fi: 3 ms, 0.5 %, 50 Mbit' 10.77.0.1 10.77.0.3 20
links delay=10ms jitter=15ms loss=5% reorder=2% rate=10mbit
measure 'bad Wi-Fi: 20 ms + up to 30, 5 %, 2 % reordered, 10 Mbit' 10.77.0.1 10.77.0.3 2
links delay=40ms loss=1% rate=50mbit
measure 'VPN: 80 ms, 1 %, 50 Mbit' 10.77.0.1 10.77.0.3 4
links delay=1.5ms rate=50mbit
mtu 1280
measure 'MTU 1280, 3 ms, 50 Mbit' 10.77.0.1 10.77.0.3 20
mtu 1500
for host in server c1 c2 c3 c4 c5; do ip -n "$host" -4 address flush dev eth0; done
measure 'IPv6 alone, 3 ms, 50 Mbit' fd10:77::1 '[fd10:77::3]' 20
