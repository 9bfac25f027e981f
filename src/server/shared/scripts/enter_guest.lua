-- A guest comes in, behind `expired`, `news` and `seat`, under the first name that nobody has. ARGV[5]: its session; [6]: its
-- row without a name; [7] and [8]: the name in lower case, and the session, of its own entry that this one replaces, or
-- nothing; [9]: that name as it is spelled; [10]: the minute; [11]: how many bans it would fall under; then their fields;
-- then the names. Answers the name.
local session, rest = ARGV[5], ARGV[6]
local before = redis.call('GET', mark(session))
if before then return {'OK', before} end
if late then return {'LATE'} end
local ban = banned(11, ARGV[10])
if ban then return {'BANNED', ban} end
local function enter(name, older)
    seat(string.lower(name), name .. ',' .. rest, older)
    redis.call('SET', mark(session), name, 'PX', '60000')
    return {'OK', name}
end
local older = ARGV[7] ~= '' and own(ARGV[7], ARGV[8])
if older then return enter(ARGV[9], older) end
for place = 12 + tonumber(ARGV[11]), #ARGV do
    local name = string.lower(ARGV[place])
    if redis.call('HEXISTS', who, name) == 0 and redis.call('HEXISTS', key('accounts'), name) == 0 then
        return enter(ARGV[place])
    end
end
return {'TAKEN'}
