/**
 * The one script that writes. It judges and applies the changes of the contract, as `core/evaluate.ts` says, on sorted sets
 * (lanes) and a hash (records); it knows neither jobs nor time, and what records hold is opaque to it. How a call becomes its
 * arguments, and its reply results, stands in `program.ts`.
 *
 * Redis takes nothing back when a script fails. So nothing here can raise once something is written: types are fixed by our
 * own names, arguments are checked before they are sent, and lists are far below what `unpack` takes. What a refused change or
 * unit did so far is taken back by the script itself. Records are written last, all at once.
 */
import { STEPS } from './commit-steps.ts'

const BODY = `
-- KEYS: 1 the namespace (hash), 2 its records (hash), 3 the receipt of the caller's slot, 4 number of the last append,
--       5... the lanes of the call (sorted sets of score 0, so in byte order), which steps name by their place.
-- ARGV: 1 the namespace's id, 2 serial of the call in its slot (16 digits), 3 how long a receipt is kept (ms),
--       4 the program, 5... values of records, which steps name by their place and nobody looks into.
-- The program is a list in JSON: how many records are expected to be something, and their ids, which steps name by their
--       place; then units, each <changes> <where the next unit begins>, with changes <after or 0> <where the next begins> and steps:
--         p lane key               must be present            r lane key   remove; must be present
--         a place                  record must be absent      i lane key   insert; must be new
--         e place value            record must be equal       n lane key   insert, numbered
--         s lane from until min max    size of a span         w id value   write a record
--         m ...                    move, see below            d id         delete a record
--                                                             h lane       wake its watchers
-- Reply: 'RESET' where the namespace is not the caller's, 'GONE' where the receipt ran out, 'STALE' for a serial below the
--       receipt's; none of these applied anything. Else, for each change, -1 where refused or the number of keys moved, each
--       followed by the key and its record, or 0 where nobody asks what was moved; for a unit that is malformed one string that says why.
local KEYS, ARGV = KEYS, ARGV
local id, serial, life = ARGV[1], ARGV[2], ARGV[3]
local RECORDS, RECEIPT, NUMBER = KEYS[2], KEYS[3], KEYS[4]
local VALUES = 4                -- the argument before the values
local KEY_BYTES, AT_ONCE = 1024, 1000
local call = redis.call

if call('HGET', KEYS[1], 'id') ~= id then return 'RESET' end
local seen = call('GETRANGE', RECEIPT, 0, 15)
if seen == '' then return 'GONE' end
if seen == serial then
  call('PEXPIRE', RECEIPT, life)
  return cmsgpack.unpack(string.sub(call('GET', RECEIPT), 17))
end
if tonumber(seen) > tonumber(serial) then return 'STALE' end

local program = cjson.decode(ARGV[4])
local words = #program
local EXPECTED = 1              -- the word before the ids of records that are expected to be something
local at = EXPECTED + program[EXPECTED] + 1     -- the word that is read next
local known = {}                -- records as they stand now; false: there is none
local changed = {}              -- names of those that are to be written, or were before it was taken back
local woken = {}                -- lanes whose watchers are to be woken
local number                    -- of the last append, once it was asked for
local malformed                 -- why the unit is refused as a whole
local reply, answers = {}, 0
local undo, steps = {}, 0       -- what takes back the call so far: three entries a step

local function answer(value)
  answers = answers + 1
  reply[answers] = value
end

local function note(how, where, what)
  undo[steps + 1], undo[steps + 2], undo[steps + 3] = how, where, what
  steps = steps + 3
end

local function takeBack(mark)
  for step = steps - 2, mark + 1, -3 do
    local how, where, what = undo[step], undo[step + 1], undo[step + 2]
    if how == 'left' then call('ZADD', where, 0, what)
    elseif how == 'came' then call('ZREM', where, what)
    else
      known[where] = what
      if how == 'unchange' then changed[where] = nil end
    end
  end
  steps = mark
end

local function put(name, value)
  note(changed[name] and 'keep' or 'unchange', name, known[name])
  known[name], changed[name] = value, true
end

local function insert(lane, key)
  if #key > KEY_BYTES then
    malformed = 'a key placed has more than ' .. KEY_BYTES .. ' bytes'
  elseif call('ZADD', lane, 0, key) == 0 then
    malformed = 'the key ' .. key .. ' is added to a lane which holds it already'
  else
    note('came', lane, key)
    return true
  end
  return false
end

-- As insert of each, in two calls: nothing tells which keys were new once some were not.
local function insertAll(lane, keys)
  if #keys == 1 then return insert(lane, keys[1]) end
  local scores = call('ZMSCORE', lane, unpack(keys))
  local members = {}
  for index, key in ipairs(keys) do
    if #key > KEY_BYTES or scores[index] then return insert(lane, key) end
    members[2 * index - 1], members[2 * index] = 0, key
    note('came', lane, key)
  end
  if call('ZADD', lane, unpack(members)) == #keys then return true end
  malformed = 'two keys become one in a lane'
  return false
end

-- One call for many records costs a fraction of one for each.
for first = EXPECTED + 1, at - 1, AT_ONCE do
  local last = math.min(first + AT_ONCE - 1, at - 1)
  local values = call('HMGET', RECORDS, unpack(program, first, last))
  for index = first, last do known[program[index]] = values[index - first + 1] end
end

${STEPS}

local function applies(next)
  while at < next do
    if not perform[program[at]]() then return false end
  end
  return true
end

local function unit(changes)
  local applied = {}
  for change = 1, changes do
    local after, next, mark = program[at], program[at + 1], steps
    at = at + 2
    answer(0)
    if (after == 0 or applied[after]) and applies(next) then applied[change] = true
    elseif malformed then return
    else
      takeBack(mark)
      reply[answers] = -1
    end
    at = next
  end
end

while at <= words do
  local changes, next, before, start, numbered = program[at], program[at + 1], answers, steps, number
  at = at + 2
  unit(changes)
  if malformed then
    takeBack(start)
    number = numbered
    while answers > before do
      reply[answers] = nil
      answers = answers - 1
    end
    answer(malformed)
    malformed = nil
  end
  at = next
end

local values, gone = {}, {}
for name in pairs(changed) do
  if known[name] then values[#values + 1], values[#values + 2] = name, known[name]
  else gone[#gone + 1] = name end
end
if #values > 0 then call('HSET', RECORDS, unpack(values)) end
if #gone > 0 then call('HDEL', RECORDS, unpack(gone)) end
if number then call('SET', NUMBER, string.format('%.0f', number)) end
local lowest = {}
for step = 1, steps, 3 do
  if undo[step] == 'came' then
    local lane = undo[step + 1]
    if lowest[lane] == nil then lowest[lane] = call('ZRANGE', lane, 0, 0)[1] or false end
    if lowest[lane] == undo[step + 2] then woken[lane] = true end
  end
end
for lane in pairs(woken) do call('PUBLISH', lane, '') end
call('SET', RECEIPT, serial .. cmsgpack.pack(reply), 'PX', life)
return reply
`

/** For calls that only grow: refused before anything is done where the server's memory is full. */
export const GROWING_COMMIT = `#!lua${BODY}`

/** For calls that remove, delete or move, which let a full server drain: taken whatever its memory. */
export const SETTLING_COMMIT = `#!lua flags=allow-oom${BODY}`
