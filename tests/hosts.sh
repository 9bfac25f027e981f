# shellcheck shell=bash disable=SC2034 # its variables are for who sources it
# Hosts on a network of a test's own, each in a network namespace, and one network to begin with. Sourced, from the root
# of the source tree, by scripts that run inside `unshare --net --mount` with the programs as their arguments: so nothing
# of it is seen outside, and all of it ends with the script. With a third argument, which is the program of tools/switch,
# the network may be bad.
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
server=$1 client=$2
switch=${3:-}
make_folder "${TMPDIR:-/tmp}"

# Where `ip` keeps the names of namespaces.
mountpoint -q /run/netns 2>/dev/null || mount -t tmpfs none /run

# make_bridge NAME: a network.
make_bridge() {
    ip link add "$1" type bridge
    ip link set "$1" up
}

# give_address HOST ADDRESS INTERFACE: an IPv4 address there, and the same in IPv6, where the system has it, at once:
# 10.77.0.2 is fd10:77::2 too.
give_address() {
    local one two four
    IFS=. read -r one two _ four <<<"$2"
    ip -n "$1" address add "$2/24" dev "$3"
    ip -n "$1" address add "fd${one: -2}:$two::$four/64" dev "$3" nodad || true
}

# make_host HOST ADDRESS [BRIDGE [INTERFACE]]: a host with this address there. A host that is there already gets another
# interface.
make_host() {
    local host=$1 address=$2 bridge=${3:-bridge} interface=${4:-eth0}
    [ -e "/run/netns/$host" ] || ip netns add "$host"
    ip link add "$host-$interface" type veth peer name "$interface" netns "$host"
    ip link set "$host-$interface" master "$bridge" up
    give_address "$host" "$address" "$interface"
    ip -n "$host" link set "$interface" up
    ip -n "$host" link set lo up
}

# make_switch: starts the switch, in a namespace of that name.
make_switch() {
    ip netns add switch
    # It has no words of its own.
    ip netns exec switch sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6' 2>/dev/null || true
    coproc SWITCH { exec ip netns exec switch "$switch"; }
}

# network LINK SETTING...: changes a link of the switch, and waits until it is so.
network() {
    local answer
    echo "$*" >&"${SWITCH[1]}"
    read -r -t "$limit" answer <&"${SWITCH[0]}" || fail "the switch does not answer: $*"
    [ "$answer" = ok ] || fail "$*: $answer"
}

# make_link HOST ADDRESS [NETWORK [INTERFACE]]: the same at the switch. The link is called as the host, its second one
# HOST-INTERFACE. Without an ADDRESS (''), the host has but a link-local one.
make_link() {
    local host=$1 address=$2 interface=${4:-eth0} link=$1
    if [ -e "/run/netns/$host" ]; then link=$host-$interface; else ip netns add "$host"; fi
    ip -n switch link add name "$link" type veth peer name "$interface" netns "$host"
    ip -n switch link set dev "$link" up
    ip -n "$host" link set lo up
    # No frame is longer than the link says: nothing cuts those that are made for hardware.
    ip -n "$host" link set dev "$interface" gso_max_segs 1
    [ -z "$address" ] || give_address "$host" "$address" "$interface"
    ip -n "$host" link set dev "$interface" up
    network "$link" "network=${3:-main}"
}

# on HOST COMMAND...: runs it there, and waits. (What is to run on is begun by `ip netns exec` itself, so that its end
# can be asked for.)
on() { ip netns exec "$@"; }

if [ -n "$switch" ]; then make_switch; else make_bridge bridge; fi
