-- Accounts from a file. ARGV[5]: how many there may be; [6]: what a guest of such a name is told; then name in lower case
-- and row of each, in turn. Answers a word for each.
if redis.call('HGET', head, 'run') ~= ARGV[1] then return {'LOSS'} end
local accounts, answer, room = key('accounts'), {'OK'}, tonumber(ARGV[5]) - redis.call('HLEN', key('accounts'))
for place = 7, #ARGV, 2 do
    local name, row = ARGV[place], ARGV[place + 1]
    local there = redis.call('HGET', accounts, name)
    local word = 'OK'
    if there then
        if there ~= row then word = 'TAKEN' end
    elseif room <= 0 then
        word = 'FULL'
    else
        redis.call('HSET', accounts, name, row)
        evict(name, ARGV[6])
        room = room - 1
    end
    table.insert(answer, word)
end
return answer
