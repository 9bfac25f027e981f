-- A client has these files, behind `news` and `seat`. ARGV[5]: its name in lower case; [6]: its session; [7]: the files.
if not own(ARGV[5], ARGV[6]) then return {'GONE'} end
if ARGV[7] == '' then redis.call('UNLINK', key('files:' .. ARGV[5])) else redis.call('SET', key('files:' .. ARGV[5]), ARGV[7]) end
return {'OK'}
