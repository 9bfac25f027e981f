-- The entries of `who`, behind `news`. A row begins with name, server, generation, session.
local who = key('who')
local function whose(row) return string.match(row, '^[^,]*,([^,]*),([^,]*),([^,]*),') end
-- The row of this lower-case name, where it is this very session's of the caller.
local function own(name, session)
    local row = redis.call('HGET', who, name)
    if not row then return nil end
    local on, of, has = whose(row)
    return on == server and of == generation and has == session and row or nil
end
-- The name gets this row, of the caller's. What stood there goes, with its files.
local function seat(name, row, older)
    if older then
        local on, of = whose(older)
        redis.call('SREM', key('of:' .. on .. ':' .. of), name)
        redis.call('UNLINK', key('files:' .. name))
    end
    redis.call('HSET', who, name, row)
    redis.call('SADD', key('of:' .. server .. ':' .. generation), name)
    news('in', 'row', row)
end
-- What the first of several equal calls answered, for a minute: by then the caller has long settled it. Whoever has
-- entered may be replaced already, and a repeat is not to throw the next one out.
local function mark(session) return key('entered:' .. server .. ':' .. generation .. ':' .. session) end
-- The row of the first of these bans that holds at this minute. Bans begin at the place `from` of ARGV, which says how many.
local function banned(from, minute)
    for place = from + 1, from + tonumber(ARGV[from]) do
        local row = redis.call('HGET', key('bans'), ARGV[place])
        if row and not is_over(row, minute) then return row end
    end
end
