/** The bounds fit each other: what one lets through, the next can hold. */
import { expect, test } from 'vitest'
import * as bounds from '../../src/core/bounds.ts'
import { seal } from '../../src/core/codec.ts'
import { type Head, encodeHead } from '../../src/core/head.ts'
import { claimName, claimsKey, escapePart, headId, lanesOf, leaseKey, partId } from '../../src/core/keys.ts'
import { readyKey } from '../../src/core/ready-key.ts'
import { ownedRecords } from '../../src/core/owned.ts'
import { claimMost } from '../../src/ledger/claim.ts'
import { utf8Bytes } from '../../src/core/text.ts'

const queue = 'é'.repeat(21)
const id = 'é'.repeat(42)
const name = headId(queue, id)
const ready = readyKey(
  bounds.PRIORITY_MOST,
  false,
  bounds.TIME_MOST,
  'Z'.repeat(26),
  undefined,
  bounds.DURATION_MOST,
)
const claim = claimName({
  grantedAt: bounds.TIME_MOST,
  epoch: '9'.repeat(16),
  counter: Number.MAX_SAFE_INTEGER,
  worker: `${'x'.repeat(bounds.NAME_BYTES)}.abcdef`,
})

test('every bound is a positive whole number', () => {
  for (const [what, bound] of Object.entries(bounds)) {
    expect(Number.isSafeInteger(bound), what).toBe(true)
    expect(bound, what).toBeGreaterThan(0)
  }
})

test('the longest names fit into a key', () => {
  for (const key of [
    leaseKey(ready, claim, name),
    claimsKey(bounds.TIME_MOST, claim),
    partId('history', name, 19),
  ])
    expect(key.length).toBeLessThanOrEqual(bounds.KEY_BYTES)
  for (const lane of Object.values(lanesOf(queue))) expect(lane.length).toBeLessThanOrEqual(bounds.KEY_BYTES)
  expect(escapePart(queue).length).toBeLessThanOrEqual(bounds.NAME_BYTES)
})

test('a payload at its limit is a record at its limit', () => {
  expect(utf8Bytes(seal('x'.repeat(bounds.PAYLOAD_BYTES)))).toBe(bounds.VALUE_BYTES)
})

test('the largest head fits into a record, and twice with two large parts into a unit', () => {
  const control = '\u0001'.repeat(bounds.REASON_BYTES)
  const head: Head = {
    name: '\u0001'.repeat(bounds.JOB_NAME_CHARACTERS),
    key: ready,
    timestamp: bounds.TIME_MOST,
    fence: bounds.TIME_MOST,
    opts: { metadata: { a: 'x'.repeat(bounds.METADATA_BYTES) }, attempts: bounds.ATTEMPTS_MOST },
    failedReason: control,
    processedBy: 'x'.repeat(bounds.NAME_BYTES),
    needs: [],
  }
  expect(utf8Bytes(encodeHead(head))).toBeLessThan(16 * 1024)
})

test('removing a job with all it may own is one unit, with a candidate for each of its places', () => {
  const candidates = 8 * 2
  expect(candidates + 1 + ownedRecords(name, undefined).length).toBeLessThanOrEqual(bounds.UNIT_OPERATIONS)
})

test('the largest claim is one unit', () => {
  for (const windows of [0, 1, 2]) {
    const limits = { concurrency: 1, windows: Array.from({ length: windows }, () => ({ max: 1, ms: 1 })) }
    const most = claimMost(limits)
    const trims = windows * Math.max(most, bounds.TRIM_KEYS)
    expect(trims + most * (2 + windows) + 1).toBeLessThanOrEqual(bounds.UNIT_OPERATIONS)
  }
})

test('the largest step of a release is one unit', () => {
  expect(bounds.RELEASE_JOBS * 2 + 1).toBeLessThanOrEqual(bounds.CALL_OPERATIONS)
})
