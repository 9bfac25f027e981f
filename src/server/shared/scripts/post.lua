-- What servers are handed, behind the prelude. An inbox keeps the last entries, some 10,000: whoever lags so far behind
-- that something was trimmed finds that out.
local function post(on, of, ...)
    redis.call('XADD', key('in:' .. on .. ':' .. of), 'MAXLEN', '~', '10000', '*', ...)
end
-- Whether a server is in the house in that generation: the inbox of another would be nobody's.
local function is_here(on, of) return redis.call('HGET', head, 'g:' .. on) == of end
