/** Fingerprints of payloads: the hash is the one it says it is, and equal data gives the same. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { fingerprint, murmur128 } from '../../src/core/fingerprint.ts'

const hash = (text: string): string => murmur128(new TextEncoder().encode(text))

test('it is MurmurHash3_x86_128', () => {
  expect(hash('')).toBe('00000000000000000000000000000000')
  expect(hash('0')).toBe('0ab2409ea5eb34f8a5eb34f8a5eb34f8')
  expect(hash("I will not buy this tobacconist's, it is scratched.")).toBe('9b5b7ba2ef3f7866889adeaf00f3f98e')
  expect(hash('The quick brown fox jumps over the lazy dog')).toBe('2f1583c3ecee2c675d7bf66ce5e91d2c')
})

const turned = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(turned)
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, inside]) => [key, turned(inside)]),
  )
}

test('the order of properties does not matter; anything else does', () => {
  const of = (data: unknown, name = 'n'): string => fingerprint(name, `j${JSON.stringify(data)}`)
  fc.assert(fc.property(fc.jsonValue(), (data) => of(turned(data)) === of(data)))
  const all = [
    1,
    '1',
    [1],
    { a: 1 },
    { a: '1' },
    { b: 1 },
    [1, 2],
    [2, 1],
    null,
    {},
    [],
    { ['__proto__']: 1 },
  ]
  const prints = [...all.map((data) => of(data)), of(1, 'm'), of(1, 'n1'), fingerprint('n', '')]
  expect(new Set(prints).size).toBe(prints.length)
})
