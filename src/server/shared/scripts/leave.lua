-- A session ends, behind `news`, `again` and `seat`. ARGV[5]: its name in lower case; [6]: the session; [7]: 1 where it may not go
-- on elsewhere. Another one of the name stays.
local name, session = ARGV[5], ARGV[6]
if ARGV[7] == '1' and is_of(name, server, generation, session) then redis.call('UNLINK', token_of(name)) end
if own(name, session) then
    redis.call('HDEL', who, name)
    redis.call('SREM', key('of:' .. server .. ':' .. generation), name)
    redis.call('UNLINK', key('files:' .. name))
    outlives(name, server, generation, session)
    news('out', 'name', name, 'session', session, 'server', server, 'generation', generation)
end
return {'OK'}
