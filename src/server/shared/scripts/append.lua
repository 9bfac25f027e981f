-- Takes lines. ARGV[5]: the first one's number n of this server; [6]: the window, ms; then sender and text of each, in turn.
-- The one place that draws numbers of the sequence. Only the first XADD can fail, by a key of another type: all or nothing.
local first, done = tonumber(ARGV[5]), redis.call('HMGET', head, 'seq', 'ms', 'n:' .. server, 'f:' .. server)
local before, taken, floor = tonumber(done[1] or 0), tonumber(done[3] or 0), tonumber(done[4] or 0)
if first <= math.max(taken, floor) then return {'DUP', text(taken)} end
if late then return {'LATE'} end
local at = now()
-- The clock may have been set back: an id never is.
local ms, count = math.max(at, tonumber(done[2] or 0)), (#ARGV - 6) / 2
for number = 0, count - 1 do
    local place = 7 + 2 * number
    local k = server .. ':' .. generation .. ':' .. text(first + number)
    local id = text(ms) .. '-' .. text(before + 1 + number)
    redis.call('XADD', key('lines'), id, 'k', k, 'f', ARGV[place], 't', ARGV[place + 1])
end
redis.call('HSET', head, 'seq', text(before + count), 'ms', text(ms), 'n:' .. server, text(first + count - 1))
trim_lines(at, tonumber(ARGV[6]))
return {'OK', text(before + 1)}
