-- A server is alive, and sees to those that are not. Answers the time, the epoch, and for each server alive its name,
-- generation, number, address, that for TLS, and key.
local at = now()
mind_the_gap(at)
redis.call('ZADD', servers, text(at + LEASE), server)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', servers, '-inf', '(' .. text(at))) do bury(id) end
sweep()
local answer = {'OK', text(at), redis.call('HGET', head, 'epoch')}
for _, id in ipairs(redis.call('ZRANGE', servers, 0, -1)) do
    local about = redis.call('HMGET', key('server:' .. id), 'number', 'address', 'tls', 'key')
    for _, part in ipairs({id, redis.call('HGET', head, 'g:' .. id) or '', unpack(about)}) do
        table.insert(answer, part or '')
    end
end
return answer
