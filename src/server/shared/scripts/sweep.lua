-- Goes on with the names of buried servers. Whoever has just ended is in the house no more, and may.
if redis.call('HGET', head, 'run') ~= ARGV[1] then return {'LOSS'} end
return {'OK', text(sweep())}
