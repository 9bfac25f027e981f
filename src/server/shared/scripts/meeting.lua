-- What the scripts of a meeting share, behind `servers`. `meet` (H): run; since, when somebody last came or gave; jumps,
-- where numbers may have been seen that nobody knows; looked, when anybody called last; and for each "SERVER GENERATION" 0
-- (expected), came (is giving back) or 1 (has given back).
local meeting, lines, me = key('meet'), key('lines'), server .. ' ' .. generation
local function is_open() return redis.call('HGET', head, 'run') == ARGV[1] end
-- The oldest generation of a server that may still be there: those before the present one, and those buried, are gone.
local function oldest(id)
    local known = redis.call('HMGET', head, 'g:' .. id, 'b:' .. id)
    return math.max(tonumber(known[1] or 0), tonumber(known[2] or -1) + 1)
end
-- Also behind what was trimmed: Redis takes nothing that is not behind it.
local function last_id()
    if redis.call('EXISTS', lines) == 0 then return '0-0' end
    local about = redis.call('XINFO', 'STREAM', lines)
    for place = 1, #about, 2 do
        if about[place] == 'last-generated-id' then return about[place + 1] end
    end
end
local function parts(id)
    local ms, seq = string.match(id, '^(%d+)-(%d+)$')
    return tonumber(ms), tonumber(seq)
end
local function is_behind(id, other)
    local ms, seq = parts(id)
    local other_ms, other_seq = parts(other)
    return ms > other_ms or (ms == other_ms and seq > other_seq)
end
-- Whether this very line stands under this id, not behind the last. Of what is older than all that is here nobody can tell.
local function agrees(id, k)
    local found = redis.call('XRANGE', lines, id, id)[1]
    if not found then
        local first = redis.call('XRANGE', lines, '-', '+', 'COUNT', 1)[1]
        return not first or is_behind(first[1], id)
    end
    for place = 1, #found[2], 2 do
        if found[2][place] == 'k' then return found[2][place + 1] == k end
    end
    return false
end
-- The server drops what it has: its clients have seen numbers that are to mean nothing else.
local function diverged()
    if not is_open() then redis.call('HSET', meeting, 'jumps', '1') end
    return {'DIVERGED'}
end
-- Everybody calls some times a second. Where nobody did for 2 s it was Redis that stood still, or its clock that jumped.
local function look(at)
    local was = redis.call('HMGET', meeting, 'looked', 'since')
    local away = at - tonumber(was[1] or at)
    if away > 2000 and was[2] then redis.call('HSET', meeting, 'since', text(tonumber(was[2]) + away - 1000)) end
    redis.call('HSET', meeting, 'looked', text(at))
end
-- Opens the house when all have given back, or when for 5 s nobody came or gave: whoever is missing then is buried.
local function conclude(at)
    local fields, newest, missing = redis.call('HGETALL', meeting), {}, {}
    local function member(place) return string.match(fields[place], '^(%S+) (%d+)$') end
    for place = 1, #fields, 2 do
        local id, number = member(place)
        if id then
            newest[id] = math.max(newest[id] or oldest(id), tonumber(number))
        end
    end
    for place = 1, #fields, 2 do
        local id, number = member(place)
        local waits = id and fields[place + 1] ~= '1'
        if waits and tonumber(number) < newest[id] then
            -- A new generation of a server proves that its older one is gone, with its mirror; a burial does so, too.
            redis.call('HDEL', meeting, fields[place])
            redis.call('HSET', meeting, 'jumps', '1')
        elseif waits then
            table.insert(missing, {id, number})
        end
    end
    local over = at - tonumber(redis.call('HGET', meeting, 'since')) >= LEASE
    if #missing > 0 and not over then return {'WAIT', text(#missing)} end
    for _, gone in ipairs(missing) do
        -- It beat for the last time in another run: its lease is over, by its own clock as well.
        if redis.call('HGET', head, 'g:' .. gone[1]) == gone[2] then bury(gone[1]) end
    end
    if #missing > 0 or redis.call('HGET', meeting, 'jumps') then
        redis.call('HSET', head, 'seq', text(tonumber(redis.call('HGET', head, 'seq') or 0) + 1000000))
    end
    redis.call('HSET', head, 'run', ARGV[1])
    redis.call('DEL', meeting)
    return {'OPENED'}
end
