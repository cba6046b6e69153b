/** Users' values: what is accepted comes back exactly, what is not is named by its path before anything is written. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HoldfastError, Queue } from 'holdfast'
import { MemoryContent, memoryStore } from 'holdfast/memory'
import { PAYLOAD_BYTES } from '../../src/core/bounds.ts'
import { decodePayload, encodeData, encodeResult } from '../../src/core/payload.ts'
import { utf8Bytes } from '../../src/core/text.ts'

function refusal(act: () => unknown): HoldfastError {
  try {
    act()
  } catch (error) {
    if (error instanceof HoldfastError) return error
    throw error
  }
  throw new Error('it was accepted')
}

const everything = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withObjectString: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
  withUnicodeString: true,
})

test('anything at all comes back as it was, or is refused with PAYLOAD_NOT_JSON and a path', () => {
  let accepted = 0
  let refused = 0
  fc.assert(
    fc.property(everything, (value) => {
      let text: string
      try {
        text = encodeData(value)
      } catch (error) {
        refused++
        expect(error).toMatchObject({ code: 'PAYLOAD_NOT_JSON', outcome: 'failed' })
        expect((error as Error).message).toMatch(/: \$/)
        return
      }
      accepted++
      expect(decodePayload(text)).toEqual(value)
    }),
    { numRuns: 2000 },
  )
  expect(accepted).toBeGreaterThan(100)
  expect(refused).toBeGreaterThan(100)
})

test('all of JSON is accepted', () => {
  const json = fc.jsonValue()
  fc.assert(
    fc.property(json, (value) => {
      fc.pre(!hasMinusZero(value))
      expect(decodePayload(encodeData(value))).toEqual(value)
    }),
  )
})

function hasMinusZero(value: unknown): boolean {
  if (Object.is(value, -0)) return true
  return typeof value === 'object' && value !== null && Object.values(value).some(hasMinusZero)
}

const circular: Record<string, unknown> = { a: {} }
;(circular['a'] as Record<string, unknown>)['self'] = circular
const holes: unknown[] = [1]
holes[3] = 2
let deep: unknown = 1
for (let level = 0; level < 501; level++) deep = { d: deep }

describe('what JSON would lose is refused', () => {
  test.each<[string, unknown, string]>([
    ['a BigInt', { a: [1, { b: 10n }] }, '$.a[1].b is a bigint: pass it as a string'],
    ['NaN', { n: NaN }, '$.n is NaN'],
    ['Infinity', [Infinity], '$[0] is Infinity'],
    ['-0', { z: -0 }, '$.z is -0'],
    ['undefined in an array', [1, undefined], '$[1] is undefined'],
    ['an array with holes', { list: holes }, '$.list is an array with holes'],
    ['a function', { f: () => 1 }, '$.f is a function'],
    ['a symbol', { s: Symbol('s') }, '$.s is a symbol'],
    ['a symbol as a key', { o: { [Symbol('s')]: 1 } }, '$.o has a symbol as a key'],
    ['a Date', { when: new Date(0) }, '$.when is a Date, not a plain object: pass its toISOString()'],
    ['a Map', new Map(), '$ is a Map'],
    ['an instance of a class', { u: new URL('http://a.b/') }, '$.u is a URL'],
    ['a circle', circular, '$.a.self refers back to what holds it'],
    ['a method toJSON', { toJSON: () => 1 }, '$.toJSON is a function'],
    ['an odd key', { 'a b': { ü: 1n } }, '$["a b"]["ü"] is a bigint'],
  ])('%s', (_, value, said) => {
    const error = refusal(() => encodeData(value))
    expect(error.code).toBe('PAYLOAD_NOT_JSON')
    expect(error.message).toContain(said)
  })

  test('nesting deeper than 500 levels', () => {
    expect(refusal(() => encodeData(deep)).message).toContain('nested deeper than 500')
    expect(decodePayload(encodeData((deep as { d: unknown }).d))).toEqual((deep as { d: unknown }).d)
  })

  test('a getter that throws, and a proxy that does', () => {
    const bad = {
      get x(): never {
        throw new TypeError('no')
      },
    }
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    for (const value of [bad, { proxy }, proxy])
      expect(refusal(() => encodeData(value)).code).toBe('PAYLOAD_NOT_JSON')
  })
})

test('a property that is undefined reads the same when it is left out', () => {
  expect(decodePayload(encodeData({ a: undefined, b: 1 }))).toEqual({ a: undefined, b: 1 })
})

test('__proto__ is kept as data and no prototype is touched', () => {
  const value: unknown = JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": 1}}')
  const back = decodePayload(encodeData(value)) as object
  expect(Object.keys(back)).toEqual(['__proto__', 'constructor'])
  expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})

describe('sizes', () => {
  /** A text whose encoding has just so many bytes. */
  const sized = (bytes: number, unit: string): string => {
    const room = bytes - 'j""'.length
    const width = utf8Bytes(unit)
    return unit.repeat(Math.floor(room / width)) + 'a'.repeat(room % width)
  }

  test.each(['a', 'ü', '€', '😀'])('with %s: the limit is the last that is accepted', (unit) => {
    for (const bytes of [PAYLOAD_BYTES - 1, PAYLOAD_BYTES]) {
      const text = encodeData(sized(bytes, unit))
      expect(utf8Bytes(text)).toBe(bytes)
    }
    const error = refusal(() => encodeData(sized(PAYLOAD_BYTES + 1, unit)))
    expect(error.code).toBe('PAYLOAD_TOO_LARGE')
    expect(error.message).toContain(`${PAYLOAD_BYTES + 1}`)
    expect(error.message).toContain('reference')
  })

  test('a store takes data and result at the limit', async () => {
    const content = new MemoryContent()
    const queue = new Queue('q', { store: memoryStore({ content }) })
    const job = await queue.add('n', sized(PAYLOAD_BYTES, '€'))
    expect((await queue.getJob(job.id))!.data).toBe(sized(PAYLOAD_BYTES, '€'))
    await expect(queue.add('n', sized(PAYLOAD_BYTES + 1, '€'))).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
    })
    await expect(queue.add('n', 'four', { sizeLimit: 6 })).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
    })
    await queue.add('n', 'four', { sizeLimit: 7 })
    expect(content.records.size).toBe(3)
  })

  test('nothing is written of a bulk with one bad payload', async () => {
    const content = new MemoryContent()
    const queue = new Queue('q', { store: memoryStore({ content }) })
    const jobs = [
      { name: 'n', data: 1 },
      { name: 'n', data: { deep: [NaN] } },
    ]
    await expect(queue.addBulk(jobs)).rejects.toMatchObject({ code: 'PAYLOAD_NOT_JSON' })
    expect(content.records.size).toBe(0)
  })
})

describe('a result', () => {
  test('is what JSON.stringify makes of it', () => {
    expect(decodePayload(encodeResult({ at: new Date(0), f: () => 1 }))).toEqual({
      at: '1970-01-01T00:00:00.000Z',
    })
    expect(decodePayload(encodeResult(undefined))).toBeUndefined()
    expect(decodePayload(encodeResult(() => 1))).toBeUndefined()
  })

  test.each<[string, unknown]>([
    ['a BigInt', 1n],
    ['a circle', circular],
    [
      'a toJSON that throws undefined',
      {
        toJSON() {
          throw undefined
        },
      },
    ],
    [
      'a toJSON that throws what throws',
      {
        toJSON() {
          throw {
            get message(): never {
              throw new Error('no')
            },
          }
        },
      },
    ],
  ])('that is %s is refused', (_, value) => {
    expect(refusal(() => encodeResult(value)).code).toBe('PAYLOAD_NOT_JSON')
  })
})
