/** Mutants that the cases of watching and the clock have to catch. */
import { soundSteps } from '../plain-store.ts'
import { altering, type Mutant, type Mutants } from './flaws.ts'

/** Forgets which lane was emptied: the lowest key it ever had stays its lowest. */
const remembersTheLowest: Mutant = () => {
  const lowest = new Map<string, string>()
  return {
    insert(applying, lane, key) {
      soundSteps.insert(applying, lane, key)
      if (key >= (lowest.get(lane) ?? '~~')) applying.lowered.delete(lane)
      else lowest.set(lane, key)
    },
  }
}

const watchingMutants: Mutants = {
  'A watcher is woken when the first key of a lane is added': {
    'wakes for named hints only': { wakes: (_, hinted) => hinted },
  },
  'A watcher is woken when a key below all others is added': {
    'wakes only when an empty lane fills': {
      insert(applying, lane, key) {
        soundSteps.insert(applying, lane, key)
        if (applying.state.keys(lane).length > 1) applying.lowered.delete(lane)
      },
    },
  },
  'A watcher is woken when a key below all others is placed': {
    'does not wake for keys that are placed': {
      insert(applying, lane, key) {
        soundSteps.insert(applying, lane, key)
        if (applying.change.move !== undefined) applying.lowered.delete(lane)
      },
    },
  },
  'A watcher is woken when the lowest key is taken and a new lowest one is placed': {
    'compares with what was there before the call': {
      insert(applying, lane, key) {
        soundSteps.insert(applying, lane, key)
        if (key > (applying.before.keys(lane)[0] ?? '~~')) applying.lowered.delete(lane)
      },
    },
  },
  'A lane that was emptied wakes its watcher when it is filled again': {
    'remembers the lowest key there ever was': remembersTheLowest,
  },
  'A watcher is woken when the lowest keys were taken before a lower one came': {
    'remembers the lowest key there ever was': remembersTheLowest,
  },
  'A watcher is woken by a hint that names its lane': {
    'ignores named hints': { wakes: (lowered) => lowered },
    'wakes for the first lane named only': {
      wakes: (lowered, hinted) => [...lowered, ...hinted.slice(0, 1)],
    },
  },
  'A hint of a refused change wakes nobody': {
    'wakes for refused changes': {
      wakes: (lowered, _, changes) => [...lowered, ...changes.flatMap(({ hint }) => hint ?? [])],
    },
  },
  'A watcher of several lanes is woken by each of them': {
    'watches the first lane only': altering((store) => {
      const watch = store.watch.bind(store)
      store.watch = (lanes, wake) => watch(lanes.slice(0, 1), wake)
    }),
  },
  'Every watcher of a lane is woken, and the end of one does not end the others': {
    'has one watcher': altering((store) => {
      const watch = store.watch.bind(store)
      store.watch = (lanes, wake) => {
        store.watchers.length = 0
        return watch(lanes, wake)
      }
    }),
    'ends all watchers with one': altering((store) => {
      const watch = store.watch.bind(store)
      store.watch = (lanes, wake) => {
        watch(lanes, wake)
        return () => {
          store.watchers.length = 0
        }
      }
    }),
  },
  'A watcher that ended is not called again': {
    'never ends a watcher': altering((store) => {
      const watch = store.watch.bind(store)
      store.watch = (lanes, wake) => {
        watch(lanes, wake)
        return () => {}
      }
    }),
  },
  'A watcher is never called from within watch': {
    'wakes at once where there is something to see': altering((store) => {
      const watch = store.watch.bind(store)
      store.watch = (lanes, wake) => {
        if (lanes.some((lane) => store.content.state.keys(lane).length > 0)) wake()
        return watch(lanes, wake)
      }
    }),
  },
}

const clockMutants: Mutants = {
  'now is a whole number of milliseconds, and never goes back': {
    'gives fractions of a millisecond': altering((store) => {
      store.now = () => 0.5
    }),
    'goes back': altering((store) => {
      let last = 1_000
      store.now = () => last--
    }),
  },
  'skewMs is a number of milliseconds, 0 or more': {
    'does not know its skew': altering((store) => {
      store.skewMs = Number.NaN
    }),
  },
  'The store brings the host of everything that uses it': {
    'has a host without a clock': altering((store) => {
      store.host.wall = () => Number.NaN
    }),
    'draws 1': altering((store) => {
      store.host.random = () => 1
    }),
  },
}

export const watchingAndClockMutants: Mutants = { ...watchingMutants, ...clockMutants }
