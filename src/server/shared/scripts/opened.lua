-- Whether there is a house, and whether it is open for this run.
if redis.call('EXISTS', head) == 0 then return {'NONE'} end
return {redis.call('HGET', head, 'run') == ARGV[1] and 'OPEN' or 'SHUT', redis.call('HGET', head, 'epoch')}
