-- For scripts that let old lines go, behind the prelude: exactly by this Redis' clock, and never more than so many, should
-- somebody flood the house or the clock once have been far ahead. Arguments: the time, and the window in milliseconds.
local function trim_lines(at, window)
    redis.call('XTRIM', key('lines'), 'MINID', text(math.max(0, at - window)))
    redis.call('XTRIM', key('lines'), 'MAXLEN', '~', '200000')
end
