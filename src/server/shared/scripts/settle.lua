-- From now on no line of this server up to ARGV[5] is taken any more: an append of it may still lie in a socket's buffer,
-- as Redis reads what was sent before a connection ended. Answers up to which one they are taken, and the floor.
local floor = math.max(tonumber(redis.call('HGET', head, 'f:' .. server) or 0), tonumber(ARGV[5]))
redis.call('HSET', head, 'f:' .. server, text(floor))
return {'OK', text(tonumber(redis.call('HGET', head, 'n:' .. server) or 0)), text(floor)}
