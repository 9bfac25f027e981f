-- A client has these files, behind `news` and `seat`. ARGV[5]: its name in lower case; [6]: its session; [7]: the files.
local files, is_own = key('files:' .. ARGV[5]), own(ARGV[5], ARGV[6])
if late then return {is_own and (redis.call('GET', files) or '') == ARGV[7] and 'OK' or 'LATE'} end
if not is_own then return {'GONE'} end
if ARGV[7] == '' then redis.call('UNLINK', files) else redis.call('SET', files, ARGV[7]) end
return {'OK'}
