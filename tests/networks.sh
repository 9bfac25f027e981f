#!/usr/bin/env bash
# Bad networks, and those that change: what happens, and what people are told. `networks.sh SERVER CLIENT SWITCH CASE`,
# where a case is one of the functions below the line; inside `unshare --net --mount`. All cases can run at once: each
# has networks of its own.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tests/hosts.sh
. tests/hosts.sh
export PATH="$PATH:/usr/sbin:/sbin" PEERLINE_PASSWORD=password
# The dead leave within 30 seconds; what was relayed to them is told within 40. This machine may be busy.
limit=50
number=0

# people NAME...: a host each, called as they are.
people() { for name; do make_link "$name" "10.77.0.$((++number))"; done; }
serve() { start_server ip netns exec server "$server" --hash-rounds 1000 --rate off --no-find "$@"; }
# enter NAME [SERVER [OPTION...]]: NAME's client, on NAME's host.
enter() {
    local name=$1 at=${2:-10.77.0.1}
    shift $(($# > 1 ? 2 : 1))
    mkdir -p "$folder/$name.fetched"
    start_client "$name" 'Logged in' ip netns exec "$name" "$client" "$at" 4400 --user "$name" --signup \
        --downloads "$folder/$name.fetched" --consent-log "$folder/$name.consent" "$@"
}
# enter_all NAME...: all of them, when there is nothing to say of them.
enter_all() { for name; do enter "$name"; done; }
# hears NAME PATTERN: NAME's client says it, in what was not looked at yet.
declare -A heard
hears() { await "$folder/$1.said" "$2" $((${heard[$1]:-0} + 1)); }
# Has all that NAME was told until now not count any more.
forget() { for name; do heard[$name]=$(wc -l <"$folder/$name.said"); done; }
# never NAME PATTERN: NAME was not told it.
never() { if says "$folder/$1.said" "$2"; then fail "$1 was told: $(grep -- "$2" "$folder/$1.said")"; fi; }
# without_ipv4, without_ipv6 HOST: it has the other alone.
without_ipv4() { ip -n "$1" -4 address flush dev eth0; }
without_ipv6() { ip -n "$1" -6 address flush dev eth0; }
# has_settled HOST: it has found that nobody else has its link-local address.
# shellcheck disable=SC2317 # until_true calls it
has_settled() { [ -z "$(ip -n "$1" -6 address show dev eth0 tentative)" ]; }
# make_router NAME: NAME's host with a second network behind it, which is hidden as by a usual router.
make_router() {
    if ! command -v nft >/dev/null; then
        echo "networks: skipped what needs nft"
        exit
    fi
    people "$1"
    make_link "$1" 192.168.9.1 inside eth1
    on "$1" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
    on "$1" nft add table ip nat
    on "$1" nft add chain ip nat out '{ type nat hook postrouting priority 100; }'
    on "$1" nft add rule ip nat out ip saddr 192.168.9.0/24 masquerade
}
# behind_router NAME LAST: a host there.
behind_router() {
    make_link "$1" "192.168.9.$2" inside
    ip -n "$1" route add default via 192.168.9.1
}

# ---- Packets that vanish

# Packets of more than 1,280 bytes vanish without a word, as in some tunnels: a login with an hour of broadcasts, a long
# message and a file go through, by IPv4 and by IPv6. The doctor says which size gets through where 700 is the most.
black_hole() {
    people server alice bob carol
    network all mtu=1280
    serve --bind ::
    mkdir "$folder/shared"
    head -c 4000000 /dev/urandom >"$folder/shared/big"
    enter alice 10.77.0.1 --share "$folder/shared"
    local line at=10.77.0.1 code=0
    line=$(printf 'long words %.0s' {1..20})
    for number in {1..40}; do type_line alice "broadcast number $number: $line"; done
    type_line alice list
    hears alice '1 active client'
    line=$(printf 'longer than a packet %.0s' {1..140})
    for name in bob carol; do
        # A history of several packets comes with this login.
        enter "$name" "$at"
        hears "$name" 'alice: number 40:'
        type_line "$name" "msg alice $line!"
        hears alice "$name: $line!"
        type_line "$name" 'get alice big'
        hears "$name" 'Fetched big'
        cmp "$folder/shared/big" "$folder/$name.fetched/big"
        at=fd10:77::1
    done
    type_line bob quit
    network all mtu=700
    on bob timeout "$limit" "$client" doctor 10.77.0.1 4400 --user bob >"$folder/doctor.said" 2>&1 </dev/null || code=$?
    await "$folder/doctor.said" 'one of 500 bytes gets through, and one of 800 does not'
    [ "$code" = 1 ] || fail "the doctor ends with exit code $code"
}

# UDP is dropped: on the way to alice from the beginning, of bob later, of carol in one direction, of dave in the other.
udp() {
    people server alice bob carol dave erin
    network alice drop=udp
    network carol/down drop=udp
    network dave/up drop=udp
    serve
    enter_all alice bob carol dave erin
    type_line erin 'broadcast one'
    hears bob 'erin: one'
    network bob drop=udp
    for number in two three; do type_line erin "broadcast $number"; done
    for name in alice bob carol dave; do hears "$name" 'erin: three'; done
    for name in alice bob carol dave; do
        [ "$(grep -c 'erin: ' "$folder/$name.said")" = 3 ] || fail "not each once: $(cat "$folder/$name.said")"
    done
}

# A firewall at alice drops what asks for a connection.
incoming() {
    people server alice bob
    network alice/down drop=syn
    serve
    enter_all alice bob
    for word in one two; do
        forget bob
        type_line bob "msg alice $word"
        hears bob 'Relayed to alice'
        hears alice "bob: $word"
    done
    type_line bob 'chat alice'
    hears bob 'not reachable at 10.77.0.2:4401'
    # The other way there is nothing in between.
    type_line alice 'msg bob straight'
    hears alice 'Delivered to bob'
}

# ---- Slow networks

# Fifty clients behind a link that takes half of what is said for three seconds, or all of it where this machine is too
# busy to say so much: everybody gets all, and hardly anything comes twice. The link has 150 ms of queue, which fifty
# windows of 64 datagrams would fill twenty times.
narrow() {
    people server class
    network server/up rate=10mbit
    serve --max-clients 60 --max-per-ip 60 --signups off
    local text twice code=0
    text=$(printf 'x%.0s' {1..64})
    on class timeout "$limit" "${switch%/*}/load" 10.77.0.1 --clients 50 --udp --broadcast 400/s --say "$text" --for 3s --json \
        >"$folder/load.said" 2>&1 </dev/null || code=$?
    [ "$code" = 0 ] || fail "not all came, once and in order: $(cat "$folder/load.said")"
    twice=$(sed 's/.*"again":\([0-9]*\),"broadcasts":\([0-9]*\).*/\1 \2/' "$folder/load.said")
    awk '{ exit !($2 >= 10000 && $1 * 10 < $2) }' <<<"$twice" || fail "of those that came, so many came twice: $twice"
}

# ---- Cuts

# The server's cable is pulled while everybody only reads.
cut() {
    people server alice bob carol
    serve
    enter_all alice bob carol
    network server drop=all
    for name in alice bob carol; do hears "$name" 'The server is gone\|The server does not answer'; done
    network server drop=none
    for name in alice bob carol; do hears "$name" 'Logged in again as'; done
    type_line alice 'broadcast all of us again'
    for name in bob carol; do hears "$name" 'alice: all of us again'; done
}

# Alice, who only reads, gets another address.
address_change() {
    people server alice bob
    serve
    enter_all alice bob
    without_ipv4 alice
    give_address alice 10.77.0.77 eth0
    hears alice 'Logged in again as'
    type_line bob 'broadcast where are you'
    hears alice 'bob: where are you'
    type_line bob list
    hears bob '2 active clients'
    hears bob 'alice 10.77.0.77:4401'
    never bob 'alice 10.77.0.2:'
    type_line bob 'msg alice here?'
    hears bob 'Delivered to alice'
}

# Two lose the network while the others talk on.
lost() {
    people server alice bob carol dave
    serve
    enter_all alice bob carol dave
    network alice drop=all
    network bob drop=all
    type_line carol 'msg alice lost?'
    # shellcheck disable=SC2317 # until_true calls it
    are_gone() {
        forget carol
        type_line carol 'broadcast still here'
        type_line carol list
        hears carol 'active clients'
        says "$folder/carol.said" '2 active clients' "${heard[carol]}"
    }
    until_true are_gone
    await "$folder/carol.said" 'Not there at the moment\|Not delivered: alice was lost'
    never carol 'Delivered to alice'
    network all drop=none
    for name in alice bob; do hears "$name" 'carol: still here'; done
}

# ---- Addresses

# Alice and bob are behind one router, the server and carol outside.
router() {
    people server carol
    make_router gate
    behind_router alice 2
    behind_router bob 3
    serve
    enter_all alice bob carol
    type_line carol 'broadcast to those inside'
    for name in alice bob; do hears "$name" 'carol: to those inside'; done
    type_line alice 'chat bob'
    hears alice 'behind one router, as the server sees you both at 10.77.0.3: run a server inside that network'
    hears bob 'alice cannot reach you directly: the server sees you both at 10.77.0.3'
    type_line alice 'msg bob through the server'
    hears bob 'alice: through the server'
    hears alice 'Relayed to bob'
    [ "$(grep -c 'cannot reach you directly' "$folder/bob.said")" = 1 ] || fail 'bob was told more than once'
    type_line alice 'msg carol from inside'
    hears alice 'Delivered to carol'
}

# One is by IPv4 alone, another by IPv6 alone.
families() {
    people server alice bob carol dave
    serve --bind ::
    for name in alice bob; do without_ipv6 "$name"; done
    for name in carol dave; do without_ipv4 "$name"; done
    for name in alice bob; do enter "$name"; done
    for name in carol dave; do enter "$name" fd10:77::1; done
    type_line alice 'broadcast to both'
    for name in bob carol dave; do hears "$name" 'alice: to both'; done
    type_line alice 'msg bob by IPv4'
    hears alice 'Delivered to bob'
    type_line carol 'msg dave by IPv6'
    hears carol 'Delivered to dave'
    type_line alice 'msg carol across'
    hears carol 'alice: across'
    hears alice 'Relayed to carol'
    type_line alice 'chat carol'
    hears alice 'carol has come to the server by IPv6, and you by IPv4.*--bind ::'
    hears carol 'alice cannot reach you directly: one of you comes to the server by IPv4.*--bind ::'
}

# The server has two addresses, and is asked at the second.
second_address() {
    people server alice
    ip -n server address add 10.77.0.100/24 dev eth0
    serve
    enter alice 10.77.0.100
    on alice "$client" doctor 10.77.0.100 4400 --user alice >"$folder/doctor.said" 2>&1 </dev/null || true
    await "$folder/doctor.said" 'UDP both ways: fine'
}

# A cable without a router: there are link-local addresses alone.
link_local() {
    for name in server alice bob; do make_link "$name" ''; done
    local at
    for name in server alice bob; do until_true has_settled "$name"; done
    at=$(ip -n server -6 -o address show dev eth0 scope link | sed 's,.*inet6 \([^/]*\).*,\1,')
    serve --bind ::
    mkdir "$folder/shared"
    echo 'over the cable' >"$folder/shared/notes.txt"
    enter alice "$at%eth0" --share "$folder/shared"
    enter bob "$at%eth0"
    type_line alice 'msg bob by cable'
    hears bob 'alice: by cable'
    hears alice 'Delivered to bob'
    type_line bob 'get alice notes.txt'
    hears bob 'Fetched notes.txt'
    cmp "$folder/shared/notes.txt" "$folder/bob.fetched/notes.txt"
    type_line alice 'chat bob'
    hears bob 'alice wants to chat'
    type_line bob accept
    hears alice 'Chat with bob opened'
    type_line bob '!exit'
    type_line bob quit
    on bob timeout "$limit" "$client" doctor "$at%eth0" 4400 --user bob >"$folder/doctor.said" 2>&1 </dev/null || true
    await "$folder/doctor.said" 'Peers: fine'
    await "$folder/doctor.said" 'Others: fine, .*alice'
}

# The server is on two networks with link-local addresses alone: carol has in the second one what bob has in the first.
two_links() {
    for name in server alice bob; do make_link "$name" ''; done
    make_link server '' second eth1
    make_link carol '' second
    for name in bob carol; do
        ip -n "$name" -6 address flush dev eth0
        ip -n "$name" -6 address add fe80::b0b/64 dev eth0 nodad
    done
    ip -n server -6 address add fe80::1/64 dev eth0 nodad
    ip -n server -6 address add fe80::2/64 dev eth1 nodad
    until_true has_settled alice
    serve --bind ::
    enter alice fe80::1%eth0
    enter bob fe80::1%eth0
    enter carol fe80::2%eth0
    type_line alice 'msg bob near'
    hears alice 'Delivered to bob'
    type_line alice 'msg carol far'
    hears carol 'alice: far'
    hears alice 'Relayed to carol'
    type_line alice 'chat carol'
    hears alice 'carol has a link-local address of another network than yours'
    type_line carol 'chat bob'
    hears carol 'bob has a link-local address of another network than yours'
    never bob 'carol wants to chat'
    type_line bob quit
    on bob timeout "$limit" "$client" doctor fe80::1%eth0 4400 --user bob >"$folder/doctor.said" 2>&1 </dev/null || true
    await "$folder/doctor.said" 'Peers: fine. Others can reach you at \[fe80::b0b\]:4401'
    await "$folder/doctor.said" 'carol has a link-local address of another network than yours'
}

# ---- The wrong person

# Carol is cut off, and her address is handed on to mallory, who runs a client too.
handed_on() {
    people server alice carol
    serve
    enter_all alice carol
    network carol drop=all
    make_link mallory 10.77.0.3
    # It takes a while until the server learns that its connection to carol is none of that host.
    network mallory delay=50ms
    # Who has an address is known by its new owner's first words, or a while later.
    for name in alice server; do ip -n "$name" neighbour flush dev eth0; done
    enter mallory
    type_line alice 'msg carol for carol alone'
    hears alice 'Relayed to carol\|Not there at the moment\|User not found'
    type_line alice 'chat carol'
    hears alice 'No chat with carol'
    type_line alice 'broadcast to all'
    hears mallory 'alice: to all'
    never mallory 'for carol alone'
    never mallory 'wants to chat'
    never alice 'Delivered to carol'
}

# Dave is behind a router that runs mallory's client.
router_client() {
    people server alice
    make_router mallory
    behind_router dave 2
    serve
    enter mallory
    enter dave 10.77.0.1
    enter alice
    type_line alice 'msg dave for dave alone'
    hears dave 'alice: for dave alone'
    hears alice 'Relayed to dave'
    type_line alice 'broadcast to all'
    hears mallory 'alice: to all'
    never mallory 'for dave alone'
    never alice 'Delivered to dave'
}

"$4"
echo "networks: $4 held"
