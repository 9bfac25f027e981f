-- What a script of a server that is in the house begins with, behind the prelude.
if redis.call('HGET', head, 'run') ~= ARGV[1] then return {'LOSS'} end
if redis.call('HGET', head, 'g:' .. server) ~= generation then return {'BURIED'} end
if ARGV[4] ~= '0' and now() > tonumber(ARGV[4]) then return {'LATE'} end
