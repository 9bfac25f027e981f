-- A server comes to the meeting. ARGV[5], [6]: id and key of the last line of its mirror, 0-0 without one; then server and
-- generation of each that it expects, in turn. With generation 0 it is one that is not in the house, and only waits.
local last, given, is_member = last_id(), ARGV[5], generation ~= '0'
if redis.call('EXISTS', head) == 0 then return {'EMPTY'} end
if is_member and tonumber(generation) < oldest(server) then return {'BURIED'} end
local at = now()
local function expect(who)
    if redis.call('HSETNX', meeting, who, '0') == 1 then redis.call('HSET', meeting, 'since', text(at)) end
end
if not is_open() and redis.call('HGET', meeting, 'run') ~= ARGV[1] then
    -- What was given back to a run that ended in its turn may be lost again.
    for _, field in ipairs(redis.call('HKEYS', meeting)) do
        if string.find(field, ' ', 1, true) then redis.call('HSET', meeting, field, '0') end
    end
    redis.call('HSET', meeting, 'run', ARGV[1], 'since', text(at), 'looked', text(at))
    for _, id in ipairs(redis.call('ZRANGE', key('servers'), 0, -1)) do
        local number = redis.call('HGET', head, 'g:' .. id)
        if number then expect(id .. ' ' .. number) end
    end
end
local is_ahead = is_behind(given, last)
if given ~= '0-0' and not is_ahead and not agrees(given, ARGV[6]) then return diverged() end
-- The others did not wait for it any longer, and its lines cannot come behind theirs.
if is_open() then return is_ahead and diverged() or {'OPENED'} end
look(at)
for place = 7, #ARGV, 2 do expect(ARGV[place] .. ' ' .. ARGV[place + 1]) end
if is_member then
    expect(me)
    local state = redis.call('HGET', meeting, me)
    if state == '0' then redis.call('HSET', meeting, me, 'came', 'since', text(at)) end
    if state ~= '1' then return {'GIVE', last} end
end
return conclude(at)
