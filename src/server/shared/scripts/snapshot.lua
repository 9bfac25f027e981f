-- Some of those who are here. ARGV[5]: the cursor, 0 at first. Answers the next cursor, the last id of the news, rows.
local found = redis.call('HSCAN', key('who'), ARGV[5], 'COUNT', '500')
local last = '0-0'
if redis.call('EXISTS', key('news')) == 1 then
    local about = redis.call('XINFO', 'STREAM', key('news'))
    for place = 1, #about, 2 do
        if about[place] == 'last-generated-id' then last = about[place + 1] end
    end
end
local answer = {'OK', found[1], last}
for place = 2, #found[2], 2 do table.insert(answer, found[2][place]) end
return answer
