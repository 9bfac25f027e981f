-- What a script of a server that is in the house begins with, behind the prelude.
if redis.call('HGET', head, 'run') ~= ARGV[1] then return {'LOSS'} end
if redis.call('HGET', head, 'g:' .. server) ~= generation then return {'BURIED'} end
-- Its time is over: nothing is done any more. Who can see that it is a repeat of what was carried out says so all the same.
local late = ARGV[4] ~= '0' and now() > tonumber(ARGV[4])
