/** Finding out what a claim holds whose answer was lost. */
import { Queue } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { expect, test } from 'vitest'
import { planClaim } from '../../src/ledger/claim.ts'
import { grantsOfLostClaim } from '../../src/ledger/lease.ts'
import { commitBlock } from '../../src/ledger/commit.ts'
import { openLedger } from '../../src/ledger/ledger.ts'
import { overStore } from '../faults/over-store.ts'

test('a claim that comes to be only while its leases are walked is left to expire whole', async () => {
  const store = memoryStore()
  const ledger = openLedger(store, 'q')
  await new Queue('q', { store }).addBulk([1, 2].map((data) => ({ name: 'n', data })))
  const now = store.now()
  const plan = { claim: `${now}.${store.epoch}.1.w.1`, limit: 2, until: now + 1000 }
  let scans = 0
  const late = overStore(store, {
    async scan(pages) {
      const found = await store.scan(pages)
      if (scans++ === 0) await commitBlock(store, planClaim(ledger, { raw: undefined, config: {} }, plan))
      return found
    },
  })
  expect(await grantsOfLostClaim({ ...ledger, store: late }, plan)).toEqual([])
  expect(await grantsOfLostClaim(ledger, plan)).toHaveLength(2)
})
