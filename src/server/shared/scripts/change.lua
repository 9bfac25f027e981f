-- A session has something else to say of itself, behind `news` and `seat`. ARGV[5]: its name in lower case; [6]: the session;
-- [7]: its row.
local there = own(ARGV[5], ARGV[6])
if there == ARGV[7] then return {'OK'} end
if late then return {'LATE'} end
if not there then return {'GONE'} end
redis.call('HSET', who, ARGV[5], ARGV[7])
news('in', 'row', ARGV[7])
return {'OK'}
