/** Ending leases whose holders are gone: none is overlooked, however many there are and whoever else was at it. */
import { Queue } from 'holdfast'
import { MemoryContent, memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { PAGE_KEYS } from '../../src/core/bounds.ts'
import { claimName } from '../../src/core/keys.ts'
import { type ClaimPlan, type SeenConfig, planClaim, readConfig } from '../../src/ledger/claim.ts'
import { commitBlock } from '../../src/ledger/commit.ts'
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts'
import { type Stalled, planRenewal, reapExpired, recoverEpoch } from '../../src/ledger/lease.ts'
import { overStore } from '../faults/over-store.ts'

const LEASE_MS = 1000
const REAPER = { maxStalledCount: 3, verdictMs: LEASE_MS }

function opened() {
  const host = virtualHost()
  const content = new MemoryContent()
  const open = (): Ledger => openLedger(memoryStore({ host, content }), 'q')
  return { host, open }
}

/** One job on lease, and nobody who runs it. */
async function lease(ledger: Ledger, counter = 1): Promise<ClaimPlan> {
  const { store } = ledger
  await new Queue('q', { store }).add('n', counter)
  const grantedAt = store.now()
  const claim = claimName({ grantedAt, epoch: store.epoch!, counter, worker: 'w.1' })
  const plan = { claim, limit: 1, until: grantedAt + LEASE_MS }
  await commitBlock(store, planClaim(ledger, { raw: undefined, config: {} }, plan))
  return plan
}

const sizes = ({ store, lanes }: Ledger): Promise<readonly number[]> =>
  store.count([lanes.lease, lanes.claims, lanes.reap, lanes.due].map((lane) => ({ lane })))

test('a claim under settings that were seen before a pause, or before its end, gets nothing', async () => {
  const ledger = opened().open()
  const { store, lanes } = ledger
  const queue = new Queue('q', { store })
  await queue.add('n', 1)
  const until = store.now() + LEASE_MS
  const claimAs = async (seen: SeenConfig, counter: number): Promise<boolean> => {
    const claim = claimName({ grantedAt: store.now(), epoch: store.epoch!, counter, worker: 'w.1' })
    const results = await commitBlock(store, planClaim(ledger, seen, { claim, limit: 1, until }))
    return results.at(-1) !== false
  }
  const before = await readConfig(ledger)
  await queue.pause()
  const paused = await readConfig(ledger)
  expect(await claimAs(before, 1)).toBe(false)
  await queue.resume()
  expect(await claimAs(paused, 2)).toBe(false)
  expect(await store.count([{ lane: lanes.lease }, { lane: lanes.ready }])).toEqual([0, 1])
  expect(await claimAs(await readConfig(ledger), 3)).toBe(true)
})

test('leases and claims of an earlier opening all end, however many pages they fill', async () => {
  const { open } = opened()
  const before = open()
  const many = PAGE_KEYS * 2 + 1
  for (let counter = 0; counter < many; counter++) await lease(before, counter)
  expect(await sizes(before)).toEqual([many, many, 0, 0])
  const after = open()
  expect(await recoverEpoch(after, REAPER)).toHaveLength(many)
  expect(await sizes(after)).toEqual([0, 0, 0, many])
})

test('what a reaper leaves undone that fails after its verdict, another one does', async () => {
  const { host, open } = opened()
  const ledger = open()
  await lease(ledger)
  await host.advance(LEASE_MS + 1)
  const { store } = ledger
  let commits = 0
  const failing = overStore(store, {
    commit: (changes) =>
      commits++ === 0 ? store.commit(changes) : Promise.reject(new Error('the store fails')),
  })
  await expect(reapExpired({ ...ledger, store: failing }, REAPER)).rejects.toThrow('the store fails')
  expect(await sizes(ledger)).toEqual([1, 0, 1, 0])
  await host.advance(LEASE_MS)
  expect(await reapExpired(ledger, REAPER)).toHaveLength(0)
  await host.advance(1)
  expect(await reapExpired(ledger, REAPER)).toHaveLength(1)
  expect(await sizes(ledger)).toEqual([0, 0, 0, 1])
})

test('what has ended is known, though the store fails at what comes after it', async () => {
  const { host, open } = opened()
  const ledger = open()
  await lease(ledger)
  await host.advance(LEASE_MS + 1)
  const { store } = ledger
  // Its verdict, its end, and then the verdict is to go.
  let commits = 0
  const failing = overStore(store, {
    commit: (changes) =>
      commits++ < 2 ? store.commit(changes) : Promise.reject(new Error('the store fails')),
  })
  const stalled: Stalled[] = []
  await expect(reapExpired({ ...ledger, store: failing }, REAPER, stalled)).rejects.toThrow('the store fails')
  expect(stalled).toHaveLength(1)
})

test('a lease that is renewed between the look of a reaper and its verdict lives on', async () => {
  const { host, open } = opened()
  const ledger = open()
  const { claim, until } = await lease(ledger)
  await host.advance(LEASE_MS + 1)
  const { store } = ledger
  const interrupted = overStore(store, {
    async scan(pages) {
      const found = await store.scan(pages)
      await commitBlock(store, planRenewal(ledger, claim, until, until + LEASE_MS))
      return found
    },
  })
  expect(await reapExpired({ ...ledger, store: interrupted }, REAPER)).toEqual([])
  expect(await sizes(ledger)).toEqual([1, 1, 0, 0])
})

test('a job that stalled too often and is retried has all its stalls anew', async () => {
  const { host, open } = opened()
  const ledger = open()
  await lease(ledger)
  await host.advance(LEASE_MS + 1)
  const [stalled] = await reapExpired(ledger, { ...REAPER, maxStalledCount: 0 })
  const queue = new Queue('q', { store: ledger.store })
  const job = (await queue.getJob(stalled!.grant.id))!
  expect(job).toMatchObject({ failedCode: 'STALLED', stalledCounter: 1 })
  await job.retry()
  expect(await queue.getJob(job.id)).toMatchObject({ stalledCounter: 0 })
})
