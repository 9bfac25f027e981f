-- The row of ARGV[5], a name in lower case.
return {'OK', redis.call('HGET', key('accounts'), ARGV[5])}
