-- What all servers are told, behind the prelude: a kind, then fields and values in turn. Whoever lags so far behind that
-- something was trimmed takes a new snapshot.
local function news(kind, ...) redis.call('XADD', key('news'), 'MAXLEN', '~', '10000', '*', 'k', kind, ...) end
