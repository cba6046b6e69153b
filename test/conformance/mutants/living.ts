/** Mutants that the cases of concurrency and reopening have to catch. */
import { appendedKey } from '../../../src/core/evaluate.ts'
import type { Change, Result } from '../../../src/store.ts'
import type { NaiveState } from '../naive-state.ts'
import { type PlainContent, type PlainStore, soundSteps } from '../plain-store.ts'
import { actsOnACopyFromBefore, altering, committing, lacking, type Mutant, type Mutants } from './flaws.ts'

/** Answers a call with the first results of all calls that were made in its turn. */
const mixesResults: Mutant = () => {
  let group: Result[] = []
  return committing(async (_, changes, apply) => {
    queueMicrotask(() => (group = []))
    group.push(...apply(changes))
    return group.slice(0, changes.length)
  })
}

/** Keeps what the state was before the last call, and what that call was. */
const remembering =
  (forget: (state: NaiveState, before: NaiveState, last: readonly Change[]) => void): Mutant =>
  () => {
    const last = new Map<NaiveState, { before: NaiveState; changes: readonly Change[] }>()
    return {
      hear: (changes) => changes,
      alter(store) {
        const apply = store.apply.bind(store)
        store.apply = (changes) => {
          last.set(store.content.state, { before: store.content.state.copy(), changes })
          return apply(changes)
        }
      },
      reopen(state) {
        const { before, changes } = last.get(state) ?? { before: state.copy(), changes: [] }
        forget(state, before, changes)
      },
    }
  }

const sharesContent: Mutant = () => {
  let first: PlainContent | undefined
  return {
    alter(store) {
      store.content = first ??= store.content
    },
  }
}

const concurrencyMutants: Mutants = {
  'Two hundred increments by compare and set are all counted': {
    'acts on a copy from before': actsOnACopyFromBefore,
  },
  'Of many callers who expect the same, one is let through': {
    'acts on a copy from before': actsOnACopyFromBefore,
  },
  'Three hundred keys added at once are all there': {
    'acts on a copy from before': actsOnACopyFromBefore,
  },
  'Keys are neither lost nor doubled by moves in all directions at once': {
    'loses what it moves back': {
      effects: ['place', 'out', 'remove', 'add', 'append', 'set', 'delete'],
      insert({ state }, lane, key) {
        if (!state.has(lane, key)) state.insert(lane, key)
      },
    },
  },
  'Keys added and taken at once: each is taken once or still there': {
    'writes records after keys': committing(async ({ content }, changes, apply) => {
      const results = apply(changes.map(lacking('set')))
      await Promise.resolve()
      for (const { set } of changes) for (const [id, value] of set ?? []) content.state.put(id, value)
      return results
    }),
  },
  'A unit is seen whole or not at all': {
    'lets others in between two changes': committing(async (_, changes, apply) => {
      const results: Result[] = []
      for (const change of changes) {
        results.push(...apply([change]))
        await Promise.resolve()
      }
      return results
    }),
  },
  'Long and short units at once keep their results apart': {
    'mixes the results of a group': mixesResults,
  },
  'A call sees every call that was answered before it': {
    'reads what was there before the last call': altering((store) => {
      const apply = store.apply.bind(store)
      let shown = store.content.state
      store.apply = (changes) => {
        shown = store.content.state.copy()
        return apply(changes)
      }
      store.read = async (ids) => ids.map((id) => shown.record(id))
    }),
    'counts a call late': altering((store) => {
      const count = store.count.bind(store)
      const seen = new Map<string, number>()
      store.count = async (spans) => {
        const now = await count(spans)
        return spans.map(({ lane }, index) => {
          const before = seen.get(lane) ?? 0
          seen.set(lane, now[index]!)
          return before
        })
      }
    }),
  },
}

const reopeningMutants: Mutants = {
  'A new store is empty': {
    'begins with a record of its own': altering(({ content }) => content.state.put('a', 'format 1')),
    'begins with a key of its own': altering(({ content }) => {
      if (content.opened === 1) content.state.insert('l', 'a')
    }),
  },
  'ready may be called any number of times': {
    'begins anew at each ready': altering((store) => {
      store.ready = async () => store.content.state.records.clear()
    }),
  },
  'What was committed is there when the store is opened again': {
    'loses the last unit': remembering((state, before) => state.take(before)),
    'forgets what was deleted': () => {
      const gone = new Map<string, string>()
      return {
        follows: (change, results, changes) => {
          for (const id of change.delete ?? []) gone.set(id, 'back')
          return soundSteps.follows(change, results, changes)
        },
        reopen: (state) => gone.forEach((value, id) => state.put(id, value)),
      }
    },
    'keeps nothing': {
      reopen: (state) => {
        state.lanes.clear()
        state.records.clear()
      },
    },
  },
  'Counts and order go on exactly after reopening': {
    'loses counts on reopening': altering((store) => {
      const count = store.count.bind(store)
      if (store.content.opened > 1) store.count = async (spans) => (await count(spans)).map(() => 0)
    }),
    'loses order on reopening': {
      reopen: (state) => {
        for (const [lane, keys] of state.lanes) state.lanes.set(lane, keys.toReversed())
      },
    },
  },
  'An emptied lane is empty after reopening, and can be filled again': {
    'keeps one key of an emptied lane': {
      reopen: (state) => {
        for (const [lane, keys] of state.lanes) if (keys.length === 0) state.insert(lane, 'k0039')
      },
    },
  },
  'Reopening many times loses and doubles nothing': {
    'writes its last append again': {
      reopen: (state) => {
        const last = state.keys('log').at(-1)
        if (last !== undefined) state.insert('log', appendedKey(++state.serial, last.slice(17)))
      },
    },
    'tears a unit: half of it is there': remembering((state, before, [last]) => {
      const after = state.copy()
      state.take(before)
      if (last?.append !== undefined) state.lanes = after.lanes
    }),
  },
  'Stores of different names share nothing': {
    'keeps all stores in one place': sharesContent,
  },
  'close may be called any number of times, also by disposal': {
    'closes once': altering((store) => {
      store.close = async () => {
        store.assertOpen()
        store.closed = true
      }
    }),
  },
  'Disposal closes the store': {
    'does not close when disposed of': altering((store) => {
      store[Symbol.asyncDispose] = async () => {}
    }),
  },
  'A closed store rejects every call with STORE_CLOSED': {
    'reads after closing': altering((store) => {
      store.read = async (ids) => ids.map((id) => store.content.state.record(id))
    }),
    'writes after closing': altering((store) => {
      store.commit = async (changes) => store.apply(changes)
    }),
    'gets ready after closing': altering((store) => {
      store.ready = async () => {}
    }),
  },
  'close waits for the calls under way': {
    'rejects the calls under way': altering((store) => {
      store.commit = async (changes) => {
        await Promise.resolve()
        store.assertOpen()
        return store.apply(changes)
      }
    }),
    'drops the calls under way': altering((store) => {
      store.commit = async (changes) => {
        store.assertOpen()
        await Promise.resolve()
        return store.closed ? changes.map(() => []) : store.apply(changes)
      }
    }),
  },
  'epoch, where there is one, is new at each opening': {
    'has one epoch for ever': altering((store) => {
      store.epoch = 'one'
    }),
    'has an epoch with punctuation': altering((store) => {
      store.epoch = `process-${store.content.opened}`
    }),
  },
  'durability is one of the four kinds, and stays what it is': {
    'has a durability of its own': altering((store) => {
      store.durability = 'eventual' as PlainStore['durability']
    }),
  },
}

export const livingMutants: Mutants = { ...concurrencyMutants, ...reopeningMutants }
