/**
 * Conformance: hints to watchers. A store may always give more hints than it must, so a case waits for the hints
 * that must come. It does not measure time: a hint is late when many later calls have been answered without it.
 */
import type { Change, Store } from '../../src/store.ts'
import { check, equal } from './assert.ts'
import { concern, fill, risingKeys } from './stage.ts'

/** Calls answered before a hint that has not come counts as lost. */
const CALLS_WAITED = 100

/** Counts the hints for some lanes. */
class Watcher {
  hints = 0
  readonly stop: () => void
  readonly #store: Store
  readonly #lanes: readonly string[]

  constructor(store: Store, ...lanes: readonly string[]) {
    this.#store = store
    this.#lanes = lanes
    this.stop = store.watch(lanes, () => {
      this.hints++
    })
  }

  /** Fails unless the changes are followed by a hint. */
  async hintedBy(changes: readonly Change[], what: string): Promise<void> {
    const before = this.hints
    await this.#store.commit(changes)
    for (let call = 0; call < CALLS_WAITED; call++) {
      if (this.hints > before) return
      await this.#store.commit([{ set: [['waited-for-a-hint', String(call)]] }])
    }
    check(
      this.hints > before,
      `${what}\n  expected: a hint for ${this.#lanes.join(' or ')}\n  seen:     none`,
    )
  }
}

const move = (lane: string, to: string, limit = 1): Change => ({
  move: { from: { lane, limit }, to: [{ lane: to }] },
})

export const watchingCases = concern('watching', {
  'A watcher is woken when the first key of a lane is added': async ({ store }) => {
    const watcher = new Watcher(store, 'l')
    await watcher.hintedBy([{ add: [['l', 'a']] }], 'adding to an empty lane')
  },

  'A watcher is woken when a key below all others is added': async ({ store }) => {
    await fill(store, 'l', ['m', 'n'])
    const watcher = new Watcher(store, 'l')
    await watcher.hintedBy([{ add: [['l', 'k']] }], 'adding below the lowest key')
    await watcher.hintedBy(
      [
        {
          add: [
            ['l', 'z'],
            ['l', 'A'],
          ],
        },
      ],
      'adding two keys, one of them the lowest',
    )
    await watcher.hintedBy([{ set: [['r', '1']] }, { add: [['l', '!']] }], 'adding it by a later change')
  },

  'A watcher is woken when a key below all others is placed': async ({ store }) => {
    await fill(store, 'due', ['1/a', '2/b', '3/c'])
    const watcher = new Watcher(store, 'ready')
    await watcher.hintedBy([move('due', 'ready')], 'placing into an empty lane')
    await store.commit([{ add: [['ready', '5/x']], remove: [['ready', '1/a']] }])
    await watcher.hintedBy([move('due', 'ready')], 'placing below the lowest key')
  },

  'A watcher is woken when the lowest key is taken and a new lowest one is placed': async ({ store }) => {
    await fill(store, 'l', ['1/a'])
    const watcher = new Watcher(store, 'l')
    const to = [{ lane: 'l', drop: 1, prefix: '9/' }]
    await watcher.hintedBy(
      [{ move: { from: { lane: 'l', limit: 1 }, to } }],
      'placing a key later in its lane',
    )
  },

  'A lane that was emptied wakes its watcher when it is filled again': async ({ store, reopen }) => {
    await fill(store, 'l', risingKeys(3))
    const watcher = new Watcher(store, 'l')
    await store.commit([{ move: { from: { lane: 'l', limit: 9 }, to: [] } }])
    await watcher.hintedBy([{ add: [['l', 'z']] }], 'adding after a trim')
    await store.commit([{ remove: [['l', 'z']] }])
    await watcher.hintedBy([{ add: [['l', 'zz']] }], 'adding after a remove')
    const reopened = await reopen()
    const later = new Watcher(reopened, 'l')
    await later.hintedBy([{ add: [['l', 'y']] }], 'adding below after reopening')
  },

  'A watcher is woken when the lowest keys were taken before a lower one came': async ({ store }) => {
    await fill(store, 'l', risingKeys(60))
    const watcher = new Watcher(store, 'l')
    await store.commit([{ move: { from: { lane: 'l', limit: 50 }, to: [] } }])
    await watcher.hintedBy([{ add: [['l', 'k0048']] }], 'adding below the lowest key left')
  },

  'A watcher is woken by a hint that names its lane': async ({ store }) => {
    const watcher = new Watcher(store, 'l')
    await watcher.hintedBy([{ hint: ['l'] }], 'a hint alone')
    await watcher.hintedBy([{ set: [['r', '1']], hint: ['other', 'l'] }], 'a hint among others')
    await watcher.hintedBy(
      [{ remove: [['m', 'missing']] }, { hint: ['l'] }],
      'a hint behind a refused change',
    )
  },

  'A hint of a refused change wakes nobody': async ({ store }) => {
    const refused = new Watcher(store, 'refused')
    const marker = new Watcher(store, 'marker')
    await refused.hintedBy([{ hint: ['refused', 'marker'] }], 'a hint to begin with')
    await marker.hintedBy([{ hint: ['marker'] }], 'a hint that shows the first one has passed')
    const before = refused.hints
    await marker.hintedBy(
      [
        { remove: [['l', 'missing']], hint: ['refused'] },
        { after: 0, hint: ['refused'] },
        { hint: ['marker'] },
      ],
      'a hint beside refused ones',
    )
    equal(refused.hints - before, 0, 'the hints of refused changes')
  },

  'A watcher of several lanes is woken by each of them': async ({ store }) => {
    const watcher = new Watcher(store, 'l', 'm')
    await watcher.hintedBy([{ add: [['l', 'a']] }], 'adding to the first lane')
    await watcher.hintedBy([{ add: [['m', 'a']] }], 'adding to the second lane')
  },

  'Every watcher of a lane is woken, and the end of one does not end the others': async ({ store }) => {
    const first = new Watcher(store, 'l')
    const second = new Watcher(store, 'l')
    await first.hintedBy([{ hint: ['l'] }], 'the first watcher')
    await second.hintedBy([{ hint: ['l'] }], 'the second watcher')
    first.stop()
    await second.hintedBy([{ hint: ['l'] }], 'the second watcher, after the first has ended')
  },

  'A watcher that ended is not called again': async ({ store }) => {
    const ended = new Watcher(store, 'l')
    const marker = new Watcher(store, 'l')
    await ended.hintedBy([{ hint: ['l'] }], 'the watcher before it ends')
    ended.stop()
    ended.stop()
    const before = ended.hints
    await marker.hintedBy([{ add: [['l', 'a']] }], 'a watcher that goes on')
    equal(ended.hints - before, 0, 'the hints after the end')
  },

  'A watcher is never called from within watch': async ({ store }) => {
    await fill(store, 'l', ['a'])
    let inside = true
    let calledInside = false
    const stop = store.watch(['l', 'empty'], () => {
      calledInside ||= inside
    })
    inside = false
    stop()
    check(!calledInside, 'the watcher was called before watch returned')
  },
})
