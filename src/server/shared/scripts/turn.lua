-- Whose turn it is to have a password checked. ARGV[5]: the pair; [6]: drawn by the caller for this try; [7]: ms that a
-- turn lasts when nobody ends it.
local turn = key('turn:' .. ARGV[5])
local by = redis.call('GET', turn)
if late then return {by == ARGV[6] and 'OK' or 'LATE'} end
if by and by ~= ARGV[6] then return {'WAIT', text(redis.call('PTTL', turn))} end
redis.call('SET', turn, ARGV[6], 'PX', ARGV[7])
return {'OK'}
