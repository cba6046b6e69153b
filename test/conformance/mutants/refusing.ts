/** Mutants that the cases of appends, refusals and bounds have to catch. */
import { appendedKey } from '../../../src/core/evaluate.ts'
import { checkUnit } from '../../../src/core/unit.ts'
import { HoldfastError } from '../../../src/error.ts'
import { soundSteps } from '../plain-store.ts'
import {
  checking,
  checkingText,
  committing,
  hearing,
  lacking,
  type Mutant,
  type Mutants,
  without,
} from './flaws.ts'

const numbersOf = (keys: readonly string[]): number[] =>
  keys.filter((key) => /^[0-9]{16}\//.test(key)).map((key) => Number(key.slice(0, 16)))

/** An answer got lost on its way, and the transport sent the call again. */
const appliesResentCallsTwice: Mutant = () => {
  let calls = 0
  return committing(async (_, changes, apply) => {
    if (++calls % 10 === 0) apply(changes)
    return apply(changes)
  })
}

/** What a call does to the calls made in the same turn. */
const rejectsTogether: Mutant = () => {
  let rejected = false
  return committing(async (_, changes, apply) => {
    queueMicrotask(() => (rejected = false))
    try {
      if (!rejected) return apply(changes)
    } catch (error) {
      rejected = true
      throw error
    }
    throw new HoldfastError('UNIT_INVALID', 'a call of the same group is invalid')
  })
}

const keepsNoMoreThan =
  (calls: number): Mutant =>
  () => {
    let underWay = 0
    return committing(async (_, changes, apply) => {
      if (++underWay > calls) throw new HoldfastError('STORE_CONTENDED', 'too many calls at once')
      const results = apply(changes)
      await Promise.resolve()
      underWay--
      return results
    })
  }

/** Takes a key that is there already for one that was added. */
const ignoresAddedTwice: Partial<typeof soundSteps> = {
  insert(applying, lane, key) {
    if (!applying.state.has(lane, key)) soundSteps.insert(applying, lane, key)
  },
}

const appendMutants: Mutants = {
  'An appended key is stored as 16 digits, a slash and the key': {
    'writes 15 digits': { entry: (serial, key) => appendedKey(serial, key).slice(1) },
  },
  'Appended keys rise in commit order, whatever their text': {
    'numbers downwards': { entry: (serial, key) => appendedKey(1_000_000 - serial, key) },
    'numbers calls and not appends': {
      entry: (serial, key, lane, state) =>
        appendedKey(Math.ceil(serial / 2), `${key}${state.size({ lane })}`),
    },
  },
  'All lanes of a store share one series of numbers': {
    'numbers each lane by itself': {
      entry: (_, key, lane, state) => appendedKey(state.size({ lane }) + 1, key),
    },
  },
  'Only appends that applied are numbered': {
    'numbers refused appends': {
      refused: (state, change) => {
        state.serial += change.append?.length ?? 0
      },
    },
  },
  'Numbers go on after the log was trimmed': {
    'numbers from the last entry that is left': {
      entry: (_, key, lane, state) => appendedKey(Math.max(0, ...numbersOf(state.keys(lane))) + 1, key),
    },
  },
  'Numbers go on where they ended when the store is opened again': {
    'begins anew when opened': {
      reopen: (state) => {
        state.serial = 0
      },
    },
  },
  'Numbers go on after reopening although every entry was trimmed': {
    'looks for the last number in the lanes': {
      reopen: (state) => {
        state.serial = Math.max(0, ...[...state.lanes.values()].flatMap(numbersOf))
      },
    },
  },
  'An appended key is seen by the later changes of its call': {
    'appends when the call has ended': {
      hear: (changes) => [
        ...changes.map(lacking('append')),
        { append: changes.flatMap(({ append }) => append ?? []) },
      ],
      answer: (results) => results.slice(0, -1),
    },
  },
  'A lane may hold keys that were appended and keys that were added': {
    'keeps appended keys behind all others': { entry: (serial, key) => `~${appendedKey(serial, key)}` },
  },
  'Appends of many calls at once get numbers of their own, without a gap': {
    'leaves gaps': { entry: (serial, key) => appendedKey(serial * 2, key) },
  },
  'A call is applied once: as many appends as calls answered': {
    'applies a resent call twice': appliesResentCallsTwice,
  },
}

const refusalMutants: Mutants = {
  'Lanes, keys and ids are printable ASCII without spaces, 1 to 1024 characters': {
    'takes a key that is not ASCII': checkingText((text) => text.replaceAll(/[^\0-\x7f]/g, 'x')),
    'takes a key with spaces': checkingText((text) => text.replaceAll(' ', '_')),
    'takes control characters': checkingText((text) => text.replaceAll(/[^ -~\x80-\uffff]/g, '_')),
    'takes an empty key': checkingText((text) => text || 'x'),
    'takes a key of any length': checkingText((text) => text.slice(0, 1_024)),
    'does not check hints': checking(lacking('hint')),
    'does not check what it deletes': checking(lacking('delete')),
    'calls the outcome unknown': {
      check: (changes) => {
        try {
          checkUnit(changes)
        } catch (error) {
          throw new HoldfastError('UNIT_INVALID', 'refused', { outcome: 'unknown', cause: error })
        }
      },
    },
  },
  'The text of expectations is held to the same rule': {
    'does not check expectations': checking(lacking('expect')),
  },
  'The text of moves, places and rooms is held to the same rule': {
    'does not check moves': checking(lacking('move')),
    'does not check rooms': checking(({ move, ...change }) =>
      move === undefined ? change : { ...change, move: { ...move, room: [] } },
    ),
  },
  'A value that is not well-formed text is refused': {
    'takes a lone surrogate': checkingText((text) => text.toWellFormed()),
    'does not check values expected': checking(lacking('expect')),
  },
  'A key that ends in a slash has no name and is refused': {
    'takes a key without a name': checkingText((text) => text.replace(/\/$/, '/name')),
  },
  'after that names no earlier change of its call is refused': {
    'does not check after': checking(lacking('after')),
  },
  'A move beside remove is refused': {
    'takes a move beside remove': checking((change) =>
      change.move === undefined ? change : lacking('remove')(change),
    ),
  },
  'Removing a key twice in one change is refused': {
    'takes a key removed twice': checking((change) => ({
      ...change,
      remove: change.remove?.slice(0, 1) ?? [],
    })),
  },
  'A move of no keys, a size that is no range and a room that is no number are refused': {
    'does not check the limit of a move': checking(lacking('move')),
    'does not check sizes': checking(lacking('expect')),
    'does not check rooms': checking(({ move, ...change }) =>
      move === undefined ? change : { ...change, move: { ...move, room: [] } },
    ),
  },
  'A move that is neither quiet nor not is refused': {
    'takes whatever it is for true': checking(({ move, ...change }) =>
      move === undefined ? change : { ...change, move: without(move, 'quiet') },
    ),
  },
  'A place that drops no whole number of segments, or marks with a slash, is refused': {
    'does not check places': checking(({ move, ...change }) =>
      move === undefined ? change : { ...change, move: { ...move, to: [] } },
    ),
  },
  'A call is checked whole, also the changes that would not apply': {
    'checks no change behind another': {
      check: (changes) => void checkUnit(changes.filter((c) => c.after === undefined)),
    },
    'checks a record only when it is set': checking((change) =>
      change.expect === undefined ? change : lacking('set')(change),
    ),
  },
  'Adding a key that is there rejects the call, without trace of its earlier changes': {
    'leaves the earlier changes of a refused call': { undo: () => {} },
    'undoes records only': {
      undo: (state, before) => {
        const after = state.copy()
        state.take(before)
        state.lanes = after.lanes
      },
    },
    'undoes lanes only': {
      undo: (state, before) => {
        const after = state.copy()
        state.take(before)
        state.records = after.records
      },
    },
    'keeps the numbers of a refused call': {
      undo: (state, before) => {
        const { serial } = state
        state.take(before)
        state.serial = serial
      },
    },
    'ignores a key added twice': ignoresAddedTwice,
  },
  'Adding one key twice in a call rejects it': {
    'looks only at what was there before the call': {
      insert(applying, lane, key) {
        if (applying.before.has(lane, key) || !applying.state.has(lane, key))
          soundSteps.insert(applying, lane, key)
      },
    },
  },
  'Placing a key where one is rejects the call': {
    'places one key onto another': ignoresAddedTwice,
  },
  'A placed or appended key longer than a key may be rejects the call': {
    'places keys of any length': {
      insert(applying, lane, key) {
        if (key.length <= 1_024) soundSteps.insert(applying, lane, key)
        else applying.state.insert(lane, key)
      },
    },
  },
  'A call that rejects harms none of the calls made beside it': {
    'rejects calls together': rejectsTogether,
  },
}

const boundMutants: Mutants = {
  'Lanes, keys and ids may be 1,024 bytes long': {
    'takes 1,023 bytes at most': checkingText((text) => (text.length === 1_024 ? `${text}x` : text)),
  },
  'A value may have 262,144 bytes in UTF-8, and not one more': {
    'counts the characters of a value': checkingText((text) => text.replaceAll(/[^\0-\x7f]/g, 'x')),
    'takes 262,143 bytes at most': checkingText((text) => (text.length >= 131_072 ? `${text}x` : text)),
  },
  'A call may have 800 operations, and not one more': {
    'does not count keys added': checking(lacking('add')),
    'does not count keys removed': checking((change) => ({
      ...change,
      remove: change.remove?.slice(0, 800) ?? [],
    })),
    'does not count records deleted': checking(lacking('delete')),
    'does not count keys appended': checking(lacking('append')),
    'takes 799 operations': { check: (changes) => void checkUnit([...changes, { delete: ['one-more'] }]) },
  },
  'The operations of all changes and parts are counted together': {
    'counts each change by itself': {
      check: (changes) => changes.forEach((c) => checkUnit([lacking('after')(c)])),
    },
  },
  'A move counts its limit once, and once more per place': {
    'does not count places': checking(({ move, ...change }) =>
      move === undefined ? change : { ...change, move: { ...move, to: [] } },
    ),
    'counts a place twice': checking(({ move, ...change }) =>
      move === undefined ? change : { ...change, move: { ...move, to: [...move.to, ...move.to] } },
    ),
  },
  'Expectations, rooms and hints are no operations': {
    'counts expectations': checking((change) => ({
      ...change,
      delete: [...(change.delete ?? []), ...(change.expect?.absent ?? [])],
    })),
    'counts hints': checking((change) => ({
      ...change,
      delete: [...(change.delete ?? []), ...(change.hint ?? [])],
    })),
  },
  'A call may have 524,288 bytes of text, and not one more': {
    'counts the bytes of each change by itself': {
      check: (changes) => changes.forEach((c) => checkUnit([c])),
    },
    'does not count hints': checking(lacking('hint')),
    'does not count expectations': checking(lacking('expect')),
  },
  'Many calls at the bounds may be made at once': {
    'has no place for five calls': keepsNoMoreThan(4),
    'cuts the value of a call that waits': hearing((change) => ({
      ...change,
      set: (change.set ?? []).map(([id, value]) => [id, value.slice(0, 100_000)]),
    })),
  },
}

export const refusingMutants: Mutants = { ...appendMutants, ...refusalMutants, ...boundMutants }
