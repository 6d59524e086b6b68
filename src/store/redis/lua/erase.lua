-- ARGV: cursor. Takes the town's keys away; which of its generations counts stays. Answers the next cursor.
local found = call('SCAN', arg(), 'MATCH', string.gsub(P, '[%[%]%*%?\\]', '\\%0') .. '*', 'COUNT', 1000)
for _, key in ipairs(found[2]) do
  if key ~= P .. 'now' then call('UNLINK', key) end
end
return found[1]
