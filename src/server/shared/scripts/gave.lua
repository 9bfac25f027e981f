-- A server gives lines back. ARGV[5]: "all" with its last ones, else "more"; [6]: the highest n of its own that its mirror
-- ever had; then id, key, sender and text of each line, in turn, from the smallest id on: XADD takes none that is not larger.
if is_open() then return {'OPENED'} end
if redis.call('HGET', meeting, 'run') ~= ARGV[1] or not redis.call('HGET', meeting, me) then return {'ANEW'} end
local at, last = now(), last_id()
look(at)
local function raise(field, number)
    if number > tonumber(redis.call('HGET', head, field) or 0) then redis.call('HSET', head, field, text(number)) end
end
for place = 7, #ARGV, 4 do
    local id, k = ARGV[place], ARGV[place + 1]
    local ms, seq = parts(id)
    if is_behind(id, last) then
        -- Numbers grow as ids do, unless it is another sequence.
        if seq <= tonumber(redis.call('HGET', head, 'seq') or 0) then return diverged() end
        redis.call('XADD', lines, id, 'k', k, 'f', ARGV[place + 2], 't', ARGV[place + 3])
        last = id
        raise('seq', seq)
        raise('ms', ms)
    elseif not agrees(id, k) then
        return diverged()
    end
    -- An older generation's lines say nothing of those that the present one has under way.
    local by, number, n = string.match(k, '^([^:]+):(%d+):(%d+)$')
    if by and tonumber(number) >= tonumber(redis.call('HGET', head, 'g:' .. by) or 0) then
        raise('n:' .. by, tonumber(n))
    end
end
redis.call('HSET', meeting, 'since', text(at))
if ARGV[5] ~= 'all' then return {'OK'} end
raise('n:' .. server, tonumber(ARGV[6]))
redis.call('HSET', meeting, me, '1')
return conclude(at)
