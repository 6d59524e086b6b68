-- ARGV: none. What is at a place: answers format ("": nothing), log, head, moved, copying, who, holder, and how long the
-- hold lasts (ms).
local m = call('HMGET', META, 'format', 'moved', 'copying', 'who', 'holder', 'until')
local log, _, head = look()
return { m[1] or '', log or '', int(head or 0), m[2] or '', m[3] or '', m[4] or '', m[5] or '',
         int(tonumber(m[6] or '0') - now_ms('')) }
