-- A client comes in, behind `expired`, `news`, `post`, `again` and `seat`. ARGV[5]: its name in lower case; [6]: its session; [7]:
-- its row; [8]: what an older session of the name is told; [9]: the row of its account that was checked, or nothing. Then of
-- tokens, as their sums: [10]: the one that it shows in the place of the password, or nothing; [11]: the one that it is given, or
-- nothing; [12]: ms that a login lasts, 0 for ever; [13]: 1 where nobody can read what is said. [14]: the minute; [15]: how many
-- bans it would fall under; then their fields. Answers the row that it replaced, or nothing, and how many ms the login still
-- lasts, or nothing for ever.
local name, session, row = ARGV[5], ARGV[6], ARGV[7]
local token, by_tls, at = token_of(name), ARGV[13], now()
local function answer(older)
    local left = tonumber(ARGV[12])
    if is_of(name, server, generation, session) then
        local ends = tonumber(redis.call('HGET', token, 'ends'))
        left = ends > 0 and math.max(ends - at, 1) or 0
    end
    return {'OK', older, left > 0 and text(left) or ''}
end
local before = redis.call('GET', mark(session))
if before then return answer(before) end
if late then return {'LATE'} end
if ARGV[9] ~= '' and redis.call('HGET', key('accounts'), name) ~= ARGV[9] then return {'CHANGED'} end
local ends = tonumber(ARGV[12])
if ends > 0 then ends = at + ends end
if ARGV[10] ~= '' then
    local given = redis.call('HMGET', token, 'sum', 'account', 'tls', 'ends')
    if given[1] ~= ARGV[10] or given[2] ~= ARGV[9] or (given[3] == '1' and by_tls ~= '1') then return {'WRONG'} end
    -- The password was asked for at that login.
    local asked = tonumber(given[4])
    if asked > 0 and asked <= at then return {'WRONG'} end
    if asked > 0 and (ends == 0 or asked < ends) then ends = asked end
end
local ban = banned(15, ARGV[14])
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
-- A token of an older session serves nobody any more.
if not is_of(name, server, generation, session) then redis.call('UNLINK', token) end
if ARGV[11] ~= '' then
    redis.call('HSET', token, 'sum', ARGV[11], 'account', ARGV[9], 'tls', by_tls, 'ends', text(ends), 'server', server,
        'generation', generation, 'session', session)
    if ends > 0 then redis.call('PEXPIREAT', token, text(ends)) end
end
return answer(older or '')
