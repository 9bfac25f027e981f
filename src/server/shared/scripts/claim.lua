-- Who decides about what was handed over: whoever claims first. ARGV[5] and further: ids. Answers for each WON, LOST, or OVER
-- where it was handed over more than a minute ago: then nobody can decide any more.
local me, answer = server .. ':' .. generation, {'OK'}
for place = 5, #ARGV do
    local claim = key('claim:' .. ARGV[place])
    local by = redis.call('GET', claim)
    if by == '' then
        -- Of all of them none is claimed then: whoever is late comes this far without having claimed any.
        if late then return {'LATE'} end
        redis.call('SET', claim, me, 'KEEPTTL')
        by = me
    end
    table.insert(answer, by == me and 'WON' or by and 'LOST' or 'OVER')
end
return answer
