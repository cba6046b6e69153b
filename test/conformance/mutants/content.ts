/** Mutants that the cases of records and lanes have to catch. */
import type { Span } from '../../../src/store.ts'
import { soundSteps } from '../plain-store.ts'
import {
  altering,
  committing,
  counting,
  demanding,
  hearing,
  type Mutants,
  reading,
  scanning,
  turned,
  whole,
  inclusive,
} from './flaws.ts'

const lowerCase = (id: string): string => id.toLowerCase()

const isWithin = (key: string, { from = '', until = '~' }: Span): boolean => key >= from && key < until

export const contentMutants: Mutants = {
  'A record that was set reads back, an absent one as undefined': {
    'reads an absent record as an empty one': reading((value) => value ?? ''),
  },
  'Records are read in the order asked, one asked twice twice, none where none is asked': {
    'answers in the order of ids': altering((store) => {
      const read = store.read.bind(store)
      store.read = (ids) => read(ids.toSorted())
    }),
    'answers a record asked twice once': altering((store) => {
      const read = store.read.bind(store)
      store.read = (ids) => read([...new Set(ids)])
    }),
  },
  'An empty string is a value': {
    'reads an empty record as absent': reading((value) => value || undefined),
    'expects an empty record as absent': {
      holds: (state, change, before) => {
        const seen = state.copy()
        for (const [id, value] of state.records) if (value === '') seen.put(id, undefined)
        return soundSteps.holds(seen, change, before)
      },
    },
    'expects an absent record as empty': {
      holds: (state, change, before) => {
        const seen = state.copy()
        for (const [id] of change.expect?.equal ?? []) seen.put(id, state.record(id) ?? '')
        return soundSteps.holds(seen, change, before)
      },
    },
  },
  'Setting a record again replaces its value; of two values in one change the later counts': {
    'keeps the first of two values': hearing((change) => ({
      ...change,
      set: change.set?.toReversed() ?? [],
    })),
  },
  'A change that sets and deletes a record leaves none': {
    'deletes before it sets': { effects: ['out', 'remove', 'place', 'add', 'append', 'delete', 'set'] },
  },
  'Deleting an absent record is no failure': {
    'refuses to delete what is absent': demanding((state, change) =>
      (change.delete ?? []).every((id) => state.record(id) !== undefined),
    ),
  },
  'A deleted record is absent, and can be set again': {
    'empties instead of deleting': hearing((change) => ({
      ...change,
      set: [...(change.set ?? []), ...(change.delete ?? []).map((id) => [id, ''] as const)],
      delete: [],
    })),
  },
  'A value keeps every character: NUL, line ends, a leading byte order mark, astral planes': {
    'loses the byte order mark': reading((value) => value?.replace(/^\ufeff/, '')),
    'ends a value at NUL': reading((value) => value?.split('\0')[0]),
    'reads line ends as its own': reading((value) => value?.replaceAll('\r\n', '\n')),
    'loses half of an astral character': reading((value) => value?.replaceAll(/[\udc00-\udfff]/g, '')),
  },
  'Ids, lanes and keys that mean something to a language or a file system are plain text': {
    'looks records up in a plain object': reading(
      (value, id) => value ?? ({} as Readonly<Record<string, string>>)[id],
    ),
  },
  'Ids that differ in case, punctuation or length are different records': {
    'knows no case': altering((store) => {
      const [read, commit] = [store.read.bind(store), store.commit.bind(store)]
      store.read = (ids) => read(ids.map(lowerCase))
      store.commit = (changes) =>
        commit(
          changes.map(({ set = [], delete: deleted = [], ...change }) => ({
            ...change,
            set: set.map(([id, value]) => [lowerCase(id), value]),
            delete: deleted.map(lowerCase),
          })),
        )
    }),
  },
  'A record and a lane of one name do not touch each other': {
    'deletes the lane with the record': committing(async ({ content }, changes, apply) => {
      const results = apply(changes)
      for (const change of changes) for (const id of change.delete ?? []) content.state.lanes.delete(id)
      return results
    }),
    'deletes the record with the key': committing(async ({ content }, changes, apply) => {
      const results = apply(changes)
      for (const { remove } of changes) for (const [, key] of remove ?? []) content.state.put(key, undefined)
      return results
    }),
  },

  'A lane is read in byte order, whatever the order in which its keys came': {
    'orders by language': { order: (a, b) => a.localeCompare(b, 'en') },
    'orders numbers by value': { order: (a, b) => a.localeCompare(b, 'en', { numeric: true }) },
    'orders without case': {
      order: (a, b) => soundSteps.order(a.toLowerCase(), b.toLowerCase()) || soundSteps.order(a, b),
    },
    'orders path by path': {
      order: (a, b) => soundSteps.order(a.replaceAll('/', '\0'), b.replaceAll('/', '\0')),
    },
  },
  'A descending page begins at the highest key': {
    'turns the ascending page round': altering((store) => {
      const scan = store.scan.bind(store)
      store.scan = async (pages) => {
        const found = await scan(pages.map((page) => ({ ...page, descending: false })))
        return found.map((keys, index) => (pages[index]!.descending === true ? keys.toReversed() : keys))
      }
    }),
    'knows no descending': scanning((page) => ({ ...page, descending: false })),
  },
  'A page begins at from and ends before until, in both directions': {
    'includes until': scanning(inclusive),
    'excludes from': scanning((page) =>
      page.from === undefined ? page : { ...page, from: `${page.from}!` },
    ),
    'includes until where it descends': scanning((page) =>
      page.descending === true ? inclusive(page) : page,
    ),
  },
  'A bound left out is open': {
    'ends a page without until at its from': scanning((page) => {
      const until = page.until ?? page.from
      return until === undefined ? page : { ...page, until }
    }),
  },
  'A page holds at most its limit, from the side it begins at': {
    'gives one key too many': scanning((page) => ({ ...page, limit: page.limit + 1 })),
    'applies the limit before the bounds': altering((store) => {
      const scan = store.scan.bind(store)
      store.scan = async (pages) => {
        const found = await scan(pages.map((page) => ({ ...page, from: '!', until: '~' })))
        return found.map((keys, index) => keys.filter((key) => isWithin(key, pages[index]!)))
      }
    }),
  },
  'The pages of one call are answered in the order asked, an absent lane with none': {
    'leaves out empty pages': altering((store) => {
      const scan = store.scan.bind(store)
      store.scan = async (pages) => (await scan(pages)).filter((keys) => keys.length > 0)
    }),
    'answers in the order of lanes': scanning((page) => (page.lane === 'm' ? { ...page, lane: 'l' } : page)),
  },
  'A span whose from is not below its until is empty': {
    'turns such a page round': scanning(turned),
    'turns such a count round': counting(turned),
  },
  'Whole lanes and parts of them are counted exactly, in the order asked': {
    'counts the whole lane for a part': counting(whole),
    'counts until as well': counting(inclusive),
  },
  'Lanes whose names begin alike do not mix': {
    'cuts the name of a lane at a slash': hearing((change) => ({
      ...change,
      add: (change.add ?? []).map(([lane, key]) => [lane.split('/')[0]!, key]),
    })),
  },
  'Lane and key are two texts: divided elsewhere, the same characters are another key': {
    'joins them with a slash': hearing((change) => ({
      ...change,
      add: (change.add ?? []).map(([lane, key]) => ['all', `${lane}/${key}`]),
      remove: (change.remove ?? []).map(([lane, key]) => ['all', `${lane}/${key}`]),
    })),
    'joins them with nothing': hearing((change) => ({
      ...change,
      add: (change.add ?? []).map(([lane, key]) => ['all', lane + key]),
      remove: (change.remove ?? []).map(([lane, key]) => ['all', lane + key]),
    })),
  },
  'A key stands in as many lanes as it was added to': {
    'removes a key from all lanes': committing(async ({ content: { state } }, changes, apply) => {
      const results = apply(changes)
      const removed = changes.flatMap(({ remove = [] }) => remove.map(([, key]) => key))
      for (const lane of state.lanes.keys()) for (const key of removed) state.erase(lane, key)
      return results
    }),
  },
  'A removed key is gone, and may be added again': {
    'expects what it should remove': { effects: ['out', 'place', 'add', 'append', 'set', 'delete'] },
  },
  'Counts stay exact through every way in and out of a lane': {
    'keeps what a refused change adds': {
      refused: (state, change) => {
        for (const [lane, key] of change.add ?? []) state.insert(lane, key)
      },
    },
    'leaves moved keys where they were': {
      effects: ['remove', 'place', 'add', 'append', 'set', 'delete'],
    },
  },
  'A lane of thousands of keys keeps order, pages and counts': {
    'gives a page of a thousand at most': scanning((page) => ({
      ...page,
      limit: Math.min(page.limit, 1_000),
    })),
    'takes five hundred at most': { take: (state, from, limit) => state.head(from, Math.min(limit, 500)) },
  },
}
