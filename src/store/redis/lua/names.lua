-- ARGV: cursor, what keys begin with behind the prefix. Answers the next cursor, then the rest of their names.
local cursor, kind = arg(), arg()
local found = call('SCAN', cursor, 'MATCH', string.gsub(P, '[%[%]%*%?\\]', '\\%0') .. kind .. '*', 'COUNT', 1000)
local out = { found[1] }
for _, key in ipairs(found[2]) do out[#out + 1] = string.sub(key, #P + #kind + 1) end
return out
