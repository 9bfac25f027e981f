-- A session ends, behind `news`, `again` and `seat`. ARGV[5]: its name in lower case; [6]: the session; [7]: 1 where it may not go
-- on elsewhere. Another one of the name stays.
local name, session = ARGV[5], ARGV[6]
local is_here, has_token = own(name, session), is_of(name, server, generation, session)
if late and (is_here or has_token and ARGV[7] == '1') then return {'LATE'} end
if ARGV[7] == '1' and has_token then redis.call('UNLINK', token_of(name)) end
if is_here then
    redis.call('HDEL', who, name)
    redis.call('SREM', key('of:' .. server .. ':' .. generation), name)
    redis.call('UNLINK', key('files:' .. name))
    outlives(name, server, generation, session)
    news('out', 'name', name, 'session', session, 'server', server, 'generation', generation)
end
return {'OK'}
