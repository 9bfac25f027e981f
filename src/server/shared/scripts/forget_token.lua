-- A session may not go on elsewhere, behind `again`. ARGV[5]: its name in lower case; [6], [7], [8]: its server, generation and
-- session. The token of another one of the name stays.
if is_of(ARGV[5], ARGV[6], ARGV[7], ARGV[8]) then
    if late then return {'LATE'} end
    redis.call('UNLINK', token_of(ARGV[5]))
end
return {'OK'}
