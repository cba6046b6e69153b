/** Records: what is sealed comes back, every damage to one is seen, and heads keep all that they hold. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UnreadableRecord, seal, unseal } from '../../src/core/codec.ts'
import { decodeConfig, encodeConfig } from '../../src/core/config.ts'
import {
  DATA,
  type Head,
  RESULT,
  decodeHead,
  draftOf,
  encodeHead,
  owns,
  withOwned,
  withoutOwned,
} from '../../src/core/head.ts'

const texts = fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => text.isWellFormed())

const unreadable = (read: () => unknown): UnreadableRecord => {
  try {
    read()
  } catch (error) {
    if (error instanceof UnreadableRecord) return error
    throw error
  }
  throw new Error('it could be read')
}

describe('the codec', () => {
  test('gives back what was sealed', () => {
    fc.assert(fc.property(texts, (text) => unseal(seal(text)) === text))
  })

  test('sees every character that was changed, left out or put in', () => {
    fc.assert(
      fc.property(texts, fc.nat(), fc.integer({ min: 1, max: 0xffff }), (text, at, by) => {
        const record = seal(text)
        const index = at % record.length
        const flipped = String.fromCharCode(record.charCodeAt(index) ^ by)
        unreadable(() => unseal(record.slice(0, index) + flipped + record.slice(index + 1)))
        unreadable(() => unseal(record.slice(0, index) + record.slice(index + 1)))
        unreadable(() => unseal(`${record.slice(0, index)}\u0000${record.slice(index)}`))
      }),
      { numRuns: 500 },
    )
  })

  test('sees each single changed character of a long record', () => {
    const record = seal(JSON.stringify({ text: 'a'.repeat(500), n: 12345 }))
    for (let index = 0; index < record.length; index++) {
      for (const bit of [1, 2, 0x20, 0x80]) {
        const changed = String.fromCharCode(record.charCodeAt(index) ^ bit)
        unreadable(() => unseal(record.slice(0, index) + changed + record.slice(index + 1)))
      }
    }
  })

  test('takes two neighbours that changed places for damage', () => {
    const record = seal('abcdefgh')
    for (let index = 8; index < record.length - 1; index++) {
      const swapped = record.slice(0, index) + record[index + 1]! + record[index]! + record.slice(index + 2)
      unreadable(() => unseal(swapped))
    }
  })

  test('calls a newer version too new, and anything else damaged', () => {
    expect(unreadable(() => unseal(`j2${seal('x').slice(2)}`)).tooNew).toBe(true)
    for (const record of ['', 'j', 'x1000000', 'zzzz', seal('x').slice(0, 5)])
      expect(unreadable(() => unseal(record)).tooNew).toBe(false)
  })
})

const heads: fc.Arbitrary<Head> = fc.record(
  {
    name: texts,
    key: texts,
    timestamp: fc.nat(),
    fence: fc.nat(),
    opts: fc.record({ attempts: fc.nat(), metadata: fc.dictionary(texts, texts) }, { requiredKeys: [] }),
    attemptsMade: fc.nat(),
    attemptsStarted: fc.nat(),
    stalledCounter: fc.nat(),
    generation: fc.nat(),
    runAt: fc.nat(),
    processedOn: fc.nat(),
    processedBy: texts,
    finishedOn: fc.nat(),
    failedCode: fc.constantFrom('STALLED', 'TIMEOUT'),
    failedReason: texts,
    owns: fc.subarray(['payload', 'result', 'progress', 'logs'] as const),
    [DATA]: texts.map((text) => `j${JSON.stringify(text)}`),
    [RESULT]: texts.map((text) => `j${JSON.stringify(text)}`),
  },
  { requiredKeys: ['name', 'key', 'timestamp', 'fence', 'opts'] },
)

describe('a head', () => {
  test('comes back with every field and both texts', () => {
    fc.assert(
      fc.property(heads, (head) => {
        const back = decodeHead(encodeHead(head))
        expect(back).toEqual(head)
        expect([back[DATA], back[RESULT]]).toEqual([head[DATA], head[RESULT]])
      }),
    )
  })

  test('loses nothing when it is drafted', () => {
    fc.assert(
      fc.property(heads, (head) => {
        const copy = draftOf(head)
        expect([copy[DATA], copy[RESULT]]).toEqual([head[DATA], head[RESULT]])
        expect(JSON.parse(JSON.stringify(copy))).toEqual(JSON.parse(JSON.stringify(head)))
        expect(encodeHead(decodeHead(encodeHead(copy)))).toBe(encodeHead(copy))
      }),
    )
  })

  test('that needs what this version does not know is too new', () => {
    const head: Head = { name: 'n', key: 'k', timestamp: 1, fence: 1, opts: {}, needs: ['x'] }
    const error = unreadable(() => decodeHead(encodeHead(head)))
    expect(error.tooNew).toBe(true)
    expect(error.message).toContain('x')
  })

  test('that is missing is unreadable and not too new', () => {
    expect(unreadable(() => decodeHead(undefined)).tooNew).toBe(false)
  })

  test('owns what it was given, once', () => {
    const bare: Head = { name: 'n', key: 'k', timestamp: 1, fence: 1, opts: {}, [DATA]: 'j1' }
    const owner = withOwned(withOwned(bare, 'logs'), 'logs')
    expect(owner.owns).toEqual(['logs'])
    expect(owner[DATA]).toBe('j1')
    expect(owns(owner, 'logs')).toBe(true)
    expect(withoutOwned(owner, 'logs').owns).toBeUndefined()
    expect(withoutOwned(bare, 'logs')).toBe(bare)
  })
})

test('settings at their defaults have no record, others come back', () => {
  expect(encodeConfig({})).toBeUndefined()
  expect(encodeConfig({ paused: false })).toBeUndefined()
  expect(decodeConfig(undefined)).toEqual({})
  expect(decodeConfig(encodeConfig({ paused: true }))).toEqual({ paused: true })
})
