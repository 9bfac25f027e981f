-- Another row for an account, or its end, behind `post`. ARGV[5]: its name in lower case; [6]: the row that is meant; [7]: the
-- new one, nothing for the end; [8]: what the session of that name is told, which ends, or nothing. Done already is done.
local accounts, name, new = key('accounts'), ARGV[5], ARGV[7]
local there = redis.call('HGET', accounts, name) or ''
if there == new then return {'OK'} end
if late then return {'LATE'} end
if there == '' then return {'UNKNOWN'} end
if there ~= ARGV[6] then return {'OTHER'} end
if new == '' then redis.call('HDEL', accounts, name) else redis.call('HSET', accounts, name, new) end
local seat = ARGV[8] ~= '' and redis.call('HGET', key('who'), name)
if seat then
    local on, of, session = string.match(seat, '^[^,]*,([^,]*),([^,]*),([^,]*),')
    if is_here(on, of) then post(on, of, 'k', 'end', 'name', name, 'session', session, 'notice', ARGV[8]) end
end
return {'OK'}
