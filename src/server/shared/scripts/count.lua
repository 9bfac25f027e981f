-- How many accounts there are.
return {'OK', redis.call('HLEN', key('accounts'))}
