-- Makes the house, where there is none. ARGV[5]: its epoch.
if redis.call('EXISTS', head) == 0 then redis.call('HSET', head, 'epoch', ARGV[5], 'run', ARGV[1]) end
return {'OK', redis.call('HGET', head, 'epoch')}
