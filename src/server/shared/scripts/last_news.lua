-- The id of the last of the news. An answer of lists in lists, as XREVRANGE has it, goes too deep into a session's stack.
local last = redis.call('XREVRANGE', key('news'), '+', '-', 'COUNT', 1)[1]
return {'OK', last and last[1] or '0-0'}
