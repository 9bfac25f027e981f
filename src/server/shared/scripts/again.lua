-- The tokens by which sessions go on at another server: one a name, with whose it is. It serves while that session lives, and
-- for 60 s behind it. What is to end earlier ends so, as its time only shortens.
local AFTERWARDS = 60000
local function token_of(name) return key('again:' .. name) end
-- Whether the token of this name is that session's.
local function is_of(name, on, of, session)
    local by = redis.call('HMGET', token_of(name), 'server', 'generation', 'session')
    return by[1] == on and by[2] == of and by[3] == session
end
-- That session has ended.
local function outlives(name, on, of, session)
    if is_of(name, on, of, session) then redis.call('PEXPIREAT', token_of(name), text(now() + AFTERWARDS), 'LT') end
end
