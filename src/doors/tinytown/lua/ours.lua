-- What of a list is ours: a message by the mark at its end (item_of), an id of the backlog by its task's hash.
local function our_message(item)
  return string.find(string.sub(item, -48), '^,"reeve":"[%x%-]+"}$') ~= nil
end
