/** Conformance: the clock of a store. How right it is cannot be judged here, only that it is a clock. */
import { check } from './assert.ts'
import { concern } from './stage.ts'

export const clockCases = concern('clock', {
  'now is a whole number of milliseconds, and never goes back': async ({ store }) => {
    let last = store.now()
    for (let call = 0; call < 200; call++) {
      if (call % 20 === 0) await store.commit([{ set: [['r', String(call)]] }])
      const now = store.now()
      check(Number.isSafeInteger(now), `now is ${now}, which is no whole number`)
      check(now >= last, `now went back from ${last} to ${now}`)
      last = now
    }
  },

  'skewMs is a number of milliseconds, 0 or more': async ({ store }) => {
    check(store.skewMs >= 0 && Number.isFinite(store.skewMs), `the skew is ${String(store.skewMs)}`)
  },

  'The store brings the host of everything that uses it': async ({ store }) => {
    const { host } = store
    check(Number.isFinite(host.wall()), 'the host has no wall clock')
    check(host.monotonic() <= host.monotonic(), 'the monotonic clock of the host goes back')
    const drawn = host.random()
    check(drawn >= 0 && drawn < 1, `the host drew ${drawn}, which is not in [0, 1)`)
    const cancel = host.timer(3_600_000, () => {})
    cancel()
  },
})
