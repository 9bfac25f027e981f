-- Takes whoever has this lower-case name out of the house, behind `news`, and has them told by their server. For a name
-- that has no account: so it is a guest.
local function evict(name, sentence)
    local record = redis.call('HGET', key('who'), name)
    if not record then return end
    local on, of, session = string.match(record, '^[^,]*,([^,]*),([^,]*),([^,]*)')
    redis.call('HDEL', key('who'), name)
    redis.call('SREM', key('of:' .. on .. ':' .. of), name)
    redis.call('UNLINK', key('files:' .. name))
    news('out', 'name', name, 'session', session, 'server', on, 'generation', of)
    -- The inbox of a server that is buried would be nobody's.
    if redis.call('HGET', head, 'g:' .. on) == of then
        redis.call('XADD', key('in:' .. on .. ':' .. of), '*', 'k', 'end', 'name', name, 'session', session, 'notice', sentence)
    end
end
