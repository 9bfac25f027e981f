-- Bans, or changes a ban. ARGV[5]: who; [6]: until when and why; [7]: how many bans there may be.
local bans, who = key('bans'), ARGV[5]
local there = redis.call('HGET', bans, who)
if there == ARGV[6] then return {'OK'} end
if late then return {'LATE'} end
if not there and redis.call('HLEN', bans) >= tonumber(ARGV[7]) then return {'FULL'} end
redis.call('HSET', bans, who, ARGV[6])
-- Who is on no server at this moment comes back to none without the password.
local name = string.match(who, '^name:(.*)$')
if name then redis.call('UNLINK', key('again:' .. name)) end
news('ban', 'who', who, 'row', ARGV[6])
return {'OK'}
