-- The files of a client. ARGV[5]: its name in lower case.
return {'OK', redis.call('GET', key('files:' .. ARGV[5])) or ''}
