-- ARGV: who, for how long (ms). Claims the place for a copy. Answers "", or "TOWN": there is one, or "BUSY WHO": somebody
-- else copies there now.
local who, ttl = arg(), num()
local now = now_ms('')
local m = call('HMGET', META, 'format', 'copying', 'until', 'who')
if m[1] and not m[2] then return 'TOWN' end
if m[2] and m[4] ~= who and tonumber(m[3] or '0') > now then return 'BUSY ' .. (m[4] or '?') end
call('HSET', META, 'format', '1', 'copying', '1', 'who', who, 'until', int(now + ttl))
return ''
