-- A session has something else to say of itself, behind `news` and `seat`. ARGV[5]: its name in lower case; [6]: the session;
-- [7]: its row.
local there = own(ARGV[5], ARGV[6])
if not there then return {'GONE'} end
if there ~= ARGV[7] then
    redis.call('HSET', who, ARGV[5], ARGV[7])
    news('in', 'row', ARGV[7])
end
return {'OK'}
