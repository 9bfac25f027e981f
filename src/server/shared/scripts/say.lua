-- Whoever runs the house says something to everybody. ARGV[5]: the notice; [6]: drawn by the caller, which tells a repeat.
local said = key('said:' .. ARGV[6])
if redis.call('EXISTS', said) == 1 then return {'OK'} end
if late then return {'LATE'} end
news('said', 'notice', ARGV[5])
redis.call('SET', said, '', 'PX', '60000')
return {'OK'}
