/** The connection cut in the middle of a conversation, at any byte, in either direction. */
import { expect, test } from 'vitest'
import pLimit from 'p-limit'
import { converse, cuts } from './cutting.ts'
import { sharedUrl } from './server.ts'
import { portOf } from './stage.ts'

/** Every byte is tried by `npm run soak -- --only redis-cuts`. */
const STEP = 127

test('a connection cut after any byte of an add, a claim and a settle loses no job and doubles none', async () => {
  const port = portOf(sharedUrl())
  const all = await cuts(port, STEP, Math.floor(Math.random() * STEP))
  expect(all.length).toBeGreaterThan(50)
  const atOnce = pLimit(16)
  const found = await Promise.all(
    all.map((cut) =>
      atOnce(async () =>
        (await converse(port, cut)).faults.map((fault) => `${cut.direction} ${cut.bytes}: ${fault}`),
      ),
    ),
  )
  expect(found.flat()).toEqual([])
})
