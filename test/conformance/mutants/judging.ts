/** Mutants that the cases of units and expectations have to catch. */
import { soundSteps } from '../plain-store.ts'
import { demanding, expecting, hearing, type Mutants, sizing, turned, whole, without } from './flaws.ts'

const unitMutants: Mutants = {
  'A call resolves with one result per change, in order': {
    'answers only what applied': { answer: (results) => results.filter((result) => result !== false) },
    'answers backwards': { answer: (results) => results.toReversed() },
  },
  'A call of no changes resolves with no results': {
    'refuses a call of no changes': {
      check: (changes) => {
        if (changes.length === 0) throw new Error('nothing to do')
        soundSteps.check(changes)
      },
    },
  },
  'An empty change applies': {
    'refuses an empty change': demanding((_, change) => Object.keys(change).length > 0),
  },
  'A change sees what the earlier changes of its call left': {
    'judges on the state before the call': {
      holds: (_, change, before) => soundSteps.holds(before, change, before),
    },
  },
  'A refused change leaves no trace in any of its parts': {
    'sets the records of a refused change': {
      refused: (state, change) => change.set?.forEach(([id, value]) => state.put(id, value)),
    },
    'deletes the records of a refused change': {
      refused: (state, change) => change.delete?.forEach((id) => state.put(id, undefined)),
    },
    'adds the keys of a refused change': {
      refused: (state, change) => change.add?.forEach(([lane, key]) => state.insert(lane, key)),
    },
    'appends the keys of a refused change': {
      refused: (state, change) => change.append?.forEach(([lane, key]) => state.insert(lane, key)),
    },
    'takes out the keys of a refused move': {
      refused: (state, { move }) => move && state.lanes.set(move.from.lane, []),
    },
  },
  'A refused change does not stop the changes behind it': {
    'stops at the first refused change': { follows: (_, results) => !results.includes(false) },
  },
  'A change after an applied one applies, after a refused one it does not': {
    'runs an after of a refused change': { follows: () => true },
    'runs no after at all': { follows: ({ after }) => after === undefined },
    'looks at the change just before': {
      follows: ({ after }, results) => after === undefined || results.at(-1) !== false,
    },
  },
  'A refusal is inherited along a chain of after': {
    'does not inherit it': {
      follows: ({ after }, results, changes) =>
        after === undefined || results[after] !== false || changes[after]!.after !== undefined,
    },
  },
  'A change after an applied one is still judged by its own expectations': {
    'trusts after alone': {
      holds: (state, change, before) => change.after !== undefined || soundSteps.holds(state, change, before),
    },
  },
  'A change whose move took keys counts as applied for after': {
    'takes moved keys for a refusal': {
      follows: ({ after }, results) =>
        after === undefined || (results[after] !== false && results[after]!.length === 0),
    },
  },
  'A change is judged on the state before it, not by what it does itself': {
    'sees its own records': {
      holds: (state, change, before) => {
        const own = state.copy()
        for (const [id, value] of change.set ?? []) own.put(id, value)
        return soundSteps.holds(own, change, before)
      },
    },
    'sees its own keys': {
      holds: (state, change, before) => {
        const own = state.copy()
        for (const [lane, key] of change.add ?? []) if (!own.has(lane, key)) own.insert(lane, key)
        return soundSteps.holds(own, change, before)
      },
    },
  },
  'A missing key in remove fails the change, and none of its keys is removed': {
    'accepts a missing key': {
      holds: (state, change, before) => soundSteps.holds(state, without(change, 'remove'), before),
    },
    'removes the others all the same': {
      refused: (state, change) => change.remove?.forEach(([lane, key]) => state.erase(lane, key)),
    },
  },
  'Keys are removed before keys are added: a change may add what it removes': {
    'adds before it removes': { effects: ['out', 'place', 'add', 'remove', 'append', 'set', 'delete'] },
  },
  'Keys move out before keys are added: a change may add what it takes': {
    'adds before keys move out': { effects: ['add', 'out', 'remove', 'place', 'append', 'set', 'delete'] },
  },
  'A key may leave a lane and come back within one call': {
    'takes keys that were there before the call for keys that are there': {
      insert(applying, lane, key) {
        if (applying.before.has(lane, key))
          soundSteps.insert({ ...applying, state: applying.before }, lane, key)
        soundSteps.insert(applying, lane, key)
      },
    },
  },
}

const expectationMutants: Mutants = {
  'present holds while every key named is in its lane': {
    'ignores present': expecting((expect) => without(expect, 'present')),
    'looks at the first key only': expecting((expect) => ({
      ...expect,
      present: expect.present?.slice(0, 1) ?? [],
    })),
    'looks in any lane': {
      holds: (state, change, before) =>
        (change.expect?.present ?? []).every(([, key]) =>
          [...state.lanes.values()].some((keys) => keys.includes(key)),
        ) && soundSteps.holds(state, { ...change, expect: { ...change.expect, present: [] } }, before),
    },
  },
  'present leaves its key where it is': {
    'takes the key': hearing((change) => ({ ...change, remove: change.expect?.present ?? [] })),
  },
  'absent holds while none of the records named exists': {
    'ignores absent': expecting((expect) => without(expect, 'absent')),
    'looks at the first record only': expecting((expect) => ({
      ...expect,
      absent: expect.absent?.slice(0, 1) ?? [],
    })),
    'takes a key for a record': demanding((state, { expect }) =>
      (expect?.absent ?? []).every((id) => ![...state.lanes.values()].some((keys) => keys.includes(id))),
    ),
  },
  'equal holds while every record named has exactly this value': {
    'ignores equal': expecting((expect) => without(expect, 'equal')),
    'looks at the last record only': expecting((expect) => ({
      ...expect,
      equal: expect.equal?.slice(-1) ?? [],
    })),
    'is content with some value': {
      holds: (state, change, before) =>
        (change.expect?.equal ?? []).every(([id]) => state.record(id) !== undefined) &&
        soundSteps.holds(state, { ...change, expect: { ...change.expect, equal: [] } }, before),
    },
  },
  'size holds while a lane has min to max keys': {
    'ignores the max of a size': expecting((expect) => ({
      ...expect,
      size: expect.size?.map(([span, min]) => [span, min, Infinity]),
    })),
    'ignores the min of a size': expecting((expect) => ({
      ...expect,
      size: expect.size?.map(([span, , max]) => [span, 0, max]),
    })),
    'excludes max itself': expecting((expect) => ({
      ...expect,
      size: expect.size?.map(([span, min, max]) => [span, min, max - 1]),
    })),
  },
  'A size whose max is Infinity asks only for min': {
    'sends Infinity as JSON does': expecting((expect) => ({
      ...expect,
      size: expect.size?.map(([span, min, max]) => [span, min, max === Infinity ? 0 : max]),
    })),
    'takes Infinity for no condition': expecting((expect) => ({
      ...expect,
      size: expect.size?.filter(([, , max]) => max !== Infinity),
    })),
  },
  'The size of an absent lane is 0': {
    'refuses a lane it does not know': demanding((state, { expect }) =>
      (expect?.size ?? []).every(([{ lane }]) => state.lanes.has(lane)),
    ),
  },
  'A size counts only the keys of its span: from included, until not': {
    'counts the whole lane': sizing(whole),
    'includes until': sizing((span) =>
      span.until === undefined ? span : { ...span, until: `${span.until}!` },
    ),
    'excludes from': sizing((span) => (span.from === undefined ? span : { ...span, from: `${span.from}!` })),
  },
  'The size of a span whose from is not below its until is 0': {
    'turns such a span round': sizing(turned),
  },
  'Several sizes must all hold': {
    'looks at the first size only': expecting((expect) => ({
      ...expect,
      size: expect.size?.slice(0, 1) ?? [],
    })),
    'looks at the last size only': expecting((expect) => ({ ...expect, size: expect.size?.slice(-1) ?? [] })),
  },
  'A size follows the changes before it': {
    'measures before the call': {
      holds: (state, change, before) =>
        soundSteps.holds(before, { expect: { size: change.expect?.size ?? [] } }, before) &&
        soundSteps.holds(state, { ...change, expect: { ...change.expect, size: [] } }, before),
    },
  },
  'One part of expect that fails is enough': {
    'looks at the first part given': expecting((expect) =>
      expect.present === undefined ? expect : { present: expect.present },
    ),
  },
  'expect decides over a move as over everything else': {
    'moves whatever is expected': hearing((change) =>
      change.move === undefined ? change : { move: change.move },
    ),
  },
}

export const judgingMutants: Mutants = { ...unitMutants, ...expectationMutants }
