-- What each script begins with. ARGV: the run of Redis that the caller talks to, its server, that server's generation,
-- until when it may be done (milliseconds of this Redis' clock; 0: whenever). What the script itself wants begins at ARGV[5].
local function key(name) return '{peerline}:' .. name end
local head = key('head')
-- A number as text: Lua would write 1e+15.
local function text(number) return string.format('%.0f', number) end
local function now()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end
local server, generation = ARGV[2], ARGV[3]
