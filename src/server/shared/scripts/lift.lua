-- Lifts a ban. ARGV[5]: who; [6]: what minute it is; [7]: drawn by the caller, which tells a repeat. One that is over is
-- none, and goes.
local bans, lifted = key('bans'), key('lifted:' .. ARGV[7])
if redis.call('EXISTS', lifted) == 1 then return {'OK'} end
if late then return {'LATE'} end
local row = redis.call('HGET', bans, ARGV[5])
if not row then return {'NONE'} end
redis.call('HDEL', bans, ARGV[5])
if is_over(row, ARGV[6]) then return {'NONE'} end
news('unban', 'who', ARGV[5])
redis.call('SET', lifted, '', 'PX', '60000')
return {'OK'}
