-- A client comes in, behind `expired`, `news`, `post` and `seat`. ARGV[5]: its name in lower case; [6]: its session; [7]: its
-- row; [8]: what an older session of the name is told; [9]: the row of its account that was checked, or nothing; [10]: the
-- minute; [11]: how many bans it would fall under; then their fields. Answers the row that it replaced, or nothing.
local name, session, row = ARGV[5], ARGV[6], ARGV[7]
local before = redis.call('GET', mark(session))
if before then return {'OK', before} end
if ARGV[9] ~= '' and redis.call('HGET', key('accounts'), name) ~= ARGV[9] then return {'CHANGED'} end
local ban = banned(11, ARGV[10])
if ban then return {'BANNED', ban} end
local older = redis.call('HGET', who, name)
if older then
    local on, of, has = whose(older)
    -- Whoever enters tells a session of its own server by itself.
    if (on ~= server or of ~= generation) and is_here(on, of) then
        post(on, of, 'k', 'close', 'name', name, 'session', has, 'notice', ARGV[8])
    end
end
seat(name, row, older)
redis.call('SET', mark(session), older or '', 'PX', '60000')
return {'OK', older or ''}
