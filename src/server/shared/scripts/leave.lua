-- A session ends, behind `news` and `seat`. ARGV[5]: its name in lower case; [6]: the session. Another one of the name stays.
local name, session = ARGV[5], ARGV[6]
if own(name, session) then
    redis.call('HDEL', who, name)
    redis.call('SREM', key('of:' .. server .. ':' .. generation), name)
    redis.call('UNLINK', key('files:' .. name))
    news('out', 'name', name, 'session', session, 'server', server, 'generation', generation)
end
return {'OK'}
