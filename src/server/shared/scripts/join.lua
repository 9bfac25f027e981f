-- A server comes into the house. Its generation is 0, or the one that it has where its registration was lost. ARGV[5]: drawn
-- by the caller for this start, which tells a repeat; [6], [7], [8]: its address, that for TLS, its key; [9]: the number that
-- it had, or nothing; [10]: ms that it keeps lines, as each of the others: whoever says one trims them for all. Its numbers
-- n:ID and f:ID stay: a generation counts its lines on from those of the one before.
if redis.call('EXISTS', head) == 0 then return {'NONE'} end
if redis.call('HGET', head, 'run') ~= ARGV[1] then return {'LOSS'} end
local at, about = now(), key('server:' .. server)
mind_the_gap(at)
local present, buried = redis.call('HGET', head, 'g:' .. server), redis.call('HGET', head, 'b:' .. server)
local again = tonumber(generation)
-- Names differ also where nobody looks at capitals.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', servers, text(at + 1), '+inf')) do
    if id ~= server then
        local left = text(tonumber(redis.call('ZSCORE', servers, id)) - at)
        if string.lower(id) == string.lower(server) then return {'RUNNING', left} end
        local history = redis.call('HGET', key('server:' .. id), 'history')
        if history and history ~= ARGV[10] then return {'HISTORY', history, left} end
    end
end
if again > 0 then
    if again <= tonumber(buried or 0) or again < tonumber(present or 0) then return {'BURIED'} end
elseif present and redis.call('HGET', about, 'start') == ARGV[5] then
    generation = present
else
    local left = tonumber(redis.call('ZSCORE', servers, server) or 0) - at
    if present and left > 0 then return {'RUNNING', text(left)} end
    generation = nil
end
-- A clock set back, or a counter that was lost: neither alone draws a generation twice.
local counter = math.max(tonumber(redis.call('HGET', head, 'generation') or 0), tonumber(buried or 0), tonumber(present or 0))
local taken, number = {}, redis.call('HGET', about, 'number') or ARGV[9]
for _, id in ipairs(redis.call('ZRANGE', servers, 0, -1)) do
    local theirs = id ~= server and redis.call('HGET', key('server:' .. id), 'number')
    if theirs then taken[theirs] = true end
    counter = math.max(counter, tonumber(redis.call('HGET', head, 'g:' .. id) or 0))
end
if number == '' or taken[number] then
    number = nil
    for free = 255, 0, -1 do
        if not taken[text(free)] then number = text(free) end
    end
end
if not number then return {'FULL'} end
if not generation then generation = text(math.max(counter + 1, at)) end
if present ~= generation then
    if present then bury(server) end
    redis.call('HSET', head, 'g:' .. server, generation, 'generation', text(math.max(counter, tonumber(generation))))
    news('up', 'server', server, 'generation', generation)
end
redis.call('ZADD', servers, text(at + LEASE), server)
redis.call('HSET', about, 'address', ARGV[6], 'tls', ARGV[7], 'key', ARGV[8], 'number', number, 'start', ARGV[5],
    'history', ARGV[10])
redis.call('HSETNX', about, 'started', text(at))
return {'OK', generation, number, redis.call('HGET', head, 'epoch'), text(at)}
