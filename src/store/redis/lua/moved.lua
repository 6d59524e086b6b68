-- ARGV: where to, the log's id, its head, who has to hold the town. Nobody opens it here any more, unless something has
-- changed since it was looked at: answers "", or what.
local where, log, head, holder = arg(), arg(), arg(), arg()
local here, _, now = look()
if here ~= log or int(now) ~= head then return 'the town has changed meanwhile' end
local m = call('HMGET', META, 'holder', 'who')
if m[1] ~= holder then return 'the town is held by somebody else: ' .. (m[2] or '?') end
call('HSET', META, 'moved', where)
return ''
