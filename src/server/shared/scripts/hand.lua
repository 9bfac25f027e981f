-- Something is handed to a client of another server, behind `post`. ARGV[5]: the client's name in lower case; [6], [7], [8]:
-- server, generation and session where it was found; [9]: the id of what is handed over; then its fields. Of one id there
-- is one entry, and one `claim:ID`: empty as long as nobody has decided what becomes of it.
local claim = key('claim:' .. ARGV[9])
if redis.call('EXISTS', claim) == 1 then return {'OK'} end
if late then return {'LATE'} end
local name, to, of, session = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local row = redis.call('HGET', key('who'), name)
if not row then return {'GONE'} end
local on, its, has = string.match(row, '^[^,]*,([^,]*),([^,]*),([^,]*),')
if on ~= to or its ~= of or has ~= session or not is_here(to, of) then return {'GONE'} end
-- The end of a session is left for a server that stands still, too: it reads of that when it goes on, or is buried.
local lease = redis.call('ZSCORE', key('servers'), to)
if ARGV[11] ~= 'end' and (not lease or tonumber(lease) < now()) then return {'GONE'} end
redis.call('SET', claim, '', 'PX', '60000')
post(to, of, 'k', 'letter', 'id', ARGV[9], 'name', name, 'session', session, unpack(ARGV, 10))
return {'OK'}
