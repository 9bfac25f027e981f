-- Some of the bans. ARGV[5]: the cursor, 0 at first; [6]: what minute it is. Those that are over go. Answers the next
-- cursor, then who and row of each.
local bans = key('bans')
local found = redis.call('HSCAN', bans, ARGV[5], 'COUNT', '500')
local answer = {'OK', found[1]}
for place = 1, #found[2], 2 do
    local who, row = found[2][place], found[2][place + 1]
    if is_over(row, ARGV[6]) then
        redis.call('HDEL', bans, who)
    else
        table.insert(answer, who)
        table.insert(answer, row)
    end
end
return answer
