-- A turn ends. ARGV[5]: the pair; [6]: whose it was; [7]: ms that the pair rests now. A turn that was over is perhaps
-- somebody else's by now, and stays so.
local turn = key('turn:' .. ARGV[5])
local by = redis.call('GET', turn)
if by and by ~= ARGV[6] then return {'OK'} end
-- Of one that is gone nobody can tell whether it was ended so, unless nothing is to rest.
if late and (by or ARGV[7] ~= '0') then return {'LATE'} end
if ARGV[7] == '0' then redis.call('DEL', turn) else redis.call('SET', turn, 'rests', 'PX', ARGV[7]) end
return {'OK'}
