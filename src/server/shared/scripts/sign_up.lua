-- A new account. ARGV[5]: its name in lower case; [6]: its row; [7]: how many accounts there may be; [8]: what a guest of
-- that name is told. The same row again is the same account: its hash has a salt.
local accounts, name = key('accounts'), ARGV[5]
local there = redis.call('HGET', accounts, name)
if there == ARGV[6] then return {'OK'} end
if late then return {'LATE'} end
if there then return {'TAKEN'} end
if redis.call('HLEN', accounts) >= tonumber(ARGV[7]) then return {'FULL'} end
redis.call('HSET', accounts, name, ARGV[6])
evict(name, ARGV[8])
return {'OK'}
