--- Listeners and what they are told. Which there are stands in declared.lua; this is read when the first
-- event comes.

local raw = ...
local declared = raw.module("declared")

local listeners = {}

--- The scheduler did not take it, or takes it no more.
function listeners.forget(id)
  declared.listener_functions[id] = nil
  declared.listener_names[id] = nil
end

--- The numbers under which a function listens.
function listeners.ids_of(listener)
  local ids = {}
  for id, known in pairs(declared.listener_functions) do
    if known == listener then
      ids[#ids + 1] = id
    end
  end
  table.sort(ids)
  return ids
end

--- An event as scripts see it: its instants are times, what is absent is nil.
function listeners.make_event(event)
  for _, field in ipairs { "at", "scheduled_at", "modified_at" } do
    if type(event[field]) == "string" then
      event[field] = raw.time_parse(event[field]) or event[field]
    end
  end
  for key, value in pairs(event) do
    if value == raw.json_null then
      event[key] = nil
    end
  end
  return event
end

--- An event for one listener, with the id that it has each time it is delivered. Errors are the
-- scheduler's to count.
function listeners.tell(id, event_json, event_id, delivery)
  local listener = declared.listener_functions[id]
  if listener then
    local event = listeners.make_event(raw.json_decode(event_json))
    -- What was emitted may have members of these names.
    event.id = event.id == nil and event_id or event.id
    event.delivery = event.delivery == nil and delivery or event.delivery
    listener(event)
  end
end

return listeners
