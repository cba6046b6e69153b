/**
 * What each step of a program does, as a piece of the commit script (`commit-script.ts`), which says what the steps are and owns the
 * names used here: what is known of records, what takes changes back, and `at`, the word that is read next.
 */
export const STEPS = `\
local function size(lane, from, ending)
  if from == '' then return call('ZCARD', lane) end
  return call('ZLEXCOUNT', lane, from, ending)
end

-- Of each key the path with its last slash, and the name.
local function split(keys)
  local paths, names = {}, {}
  for index, key in ipairs(keys) do
    local path, name = string.match(key, '^(.*/)(.*)$')
    paths[index], names[index] = path or '', name or key
  end
  return paths, names
end

-- A path without its first segments.
local function dropped(path, segments)
  local start = 1
  for _ = 1, segments do
    local slash = string.find(path, '/', start, true)
    if not slash then break end
    start = slash + 1
  end
  return string.sub(path, start)
end

local function learn(names)
  local unknown = {}
  for _, name in ipairs(names) do
    if known[name] == nil then unknown[#unknown + 1] = name end
  end
  if #unknown == 0 then return end
  local values = call('HMGET', RECORDS, unpack(unknown))
  for index, name in ipairs(unknown) do known[name] = values[index] end
end

-- What was taken, with the records it names.
local function tell(keys, names)
  learn(names)
  reply[answers] = #keys
  for index, key in ipairs(keys) do
    answer(key)
    answer(known[names[index]])
  end
end

local perform = {}              -- what a step does; it leaves \`at\` behind its own arguments, and gives false to refuse

function perform.p()
  at = at + 3
  return call('ZSCORE', KEYS[program[at - 2]], program[at - 1])
end

function perform.a()
  at = at + 2
  return known[program[EXPECTED + program[at - 1]]] == false
end

function perform.e()
  at = at + 3
  return known[program[EXPECTED + program[at - 2]]] == ARGV[VALUES + program[at - 1]]
end

function perform.s()
  at = at + 6
  local held = size(KEYS[program[at - 5]], program[at - 4], program[at - 3])
  return held >= program[at - 2] and held <= program[at - 1]
end

-- m lane from until limit <1 where nobody asks what was taken> <rooms> { lane from until max }
--   <places> { lane segments-dropped prefix mark }
function perform.m()
  local lane, from, ending, limit = KEYS[program[at + 1]], program[at + 2], program[at + 3], program[at + 4]
  local quiet, rooms = program[at + 5], program[at + 6]
  at = at + 7
  for _ = 1, rooms do
    limit = math.min(limit, program[at + 3] - size(KEYS[program[at]], program[at + 1], program[at + 2]))
    at = at + 4
  end
  if limit <= 0 then return false end
  local keys = call('ZRANGEBYLEX', lane, from, ending, 'LIMIT', 0, limit)
  if #keys == 0 then return false end

  local paths, names
  if quiet == 0 then
    paths, names = split(keys)
    tell(keys, names)
  end
  for _, key in ipairs(keys) do note('left', lane, key) end
  call('ZREM', lane, unpack(keys))
  local places = program[at]
  at = at + 1
  for _ = 1, places do
    local target, drop, prefix, mark = KEYS[program[at]], program[at + 1], program[at + 2], program[at + 3]
    at = at + 4
    local moved = keys
    if drop > 0 or prefix ~= '' or mark ~= '' then
      if not paths then paths, names = split(keys) end
      moved = {}
      for index, path in ipairs(paths) do
        if drop > 0 then path = dropped(path, drop) end
        moved[index] = prefix .. path .. mark .. names[index]
      end
    end
    if not insertAll(target, moved) then return false end
  end
  return true
end

function perform.r()
  at = at + 3
  local lane, key = KEYS[program[at - 2]], program[at - 1]
  if call('ZREM', lane, key) == 0 then return false end
  note('left', lane, key)
  return true
end

function perform.i()
  at = at + 3
  return insert(KEYS[program[at - 2]], program[at - 1])
end

function perform.n()
  at = at + 3
  number = (number or tonumber(call('GET', NUMBER) or '0')) + 1
  return insert(KEYS[program[at - 2]], string.format('%016.0f/', number) .. program[at - 1])
end

function perform.w()
  at = at + 3
  put(program[at - 2], ARGV[VALUES + program[at - 1]])
  return true
end

function perform.d()
  at = at + 2
  put(program[at - 1], false)
  return true
end

function perform.h()
  at = at + 2
  woken[KEYS[program[at - 1]]] = true
  return true
end
`
