-- The servers of the house, behind `news` and `again`: their leases, and how they are buried. Those in `graves` are out of the house,
-- and some of their names may still be in it.
local servers, graves, LEASE, NAMES = key('servers'), key('graves'), 5000, 500
local just_buried = {}
-- Redis was away, not they: when nobody beat for 2 s, all leases run on by that time, but for the second that is usual. When
-- the clock was set back, they go back with it.
local function mind_the_gap(at)
    local away, moved = at - tonumber(redis.call('HGET', head, 'beat') or at), 0
    if away > 2000 then moved = away - 1000 elseif away < 0 then moved = away end
    if moved ~= 0 then
        for _, id in ipairs(redis.call('ZRANGE', servers, 0, -1)) do redis.call('ZINCRBY', servers, text(moved), id) end
    end
    redis.call('HSET', head, 'beat', text(at))
end
-- From here on none of its scripts is carried out. Its names go by `sweep`. `b:ID`: it does not come back as the same.
local function bury(id)
    local number = redis.call('HGET', head, 'g:' .. id)
    redis.call('ZREM', servers, id)
    redis.call('DEL', key('server:' .. id))
    if not number then return end
    redis.call('HDEL', head, 'g:' .. id)
    redis.call('HSET', head, 'b:' .. id, number)
    redis.call('UNLINK', key('in:' .. id .. ':' .. number))
    redis.call('SADD', graves, id .. ':' .. number)
    just_buried[id .. ':' .. number] = true
    news('down', 'server', id, 'generation', number)
end
-- Takes the names of buried servers out, 500 at most. Answers how many are left.
local function sweep()
    local room, left = NAMES, 0
    for _, grave in ipairs(redis.call('SMEMBERS', graves)) do
        local id, number = string.match(grave, '^(.*):(%d+)$')
        local names = room > 0 and redis.call('SPOP', key('of:' .. grave), room) or {}
        room = room - #names
        for _, name in ipairs(names) do
            local record = redis.call('HGET', key('who'), name) or ''
            local _, on, of, session = string.match(record, '^([^,]*),([^,]*),([^,]*),([^,]*)')
            -- Who has come back since is somewhere else.
            if on == id and of == number then
                redis.call('HDEL', key('who'), name)
                redis.call('UNLINK', key('files:' .. name))
                outlives(name, on, of, session)
            end
        end
        local remain = redis.call('SCARD', key('of:' .. grave))
        left = left + remain
        if remain == 0 then
            redis.call('SREM', graves, grave)
            -- Something may have been handed to one of the names since.
            redis.call('UNLINK', key('in:' .. grave))
            -- For whoever took a snapshot since it was buried.
            if not just_buried[grave] then news('down', 'server', id, 'generation', number) end
        end
    end
    return left
end
