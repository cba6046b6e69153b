/** Text measured and cut by its bytes in UTF-8, against the encoder of the runtime. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { cutText, utf8Bytes } from '../../src/core/text.ts'

const encodedBytes = (text: string): number => new TextEncoder().encode(text).length

/** Any sequence of UTF-16 units, lone surrogates among them, and plenty of the borders between lengths. */
const unit = fc.oneof(
  fc.constantFrom('a', '\0', '\x7f', '\x80', '\u07ff', '\u0800', '\ud7ff', '\ue000', '\uffff', '…'),
  fc.constantFrom('\ud800', '\udbff', '\udc00', '\udfff', '😀', '\u{10ffff}'),
)
const text = fc.string({ unit, maxLength: 40 })

test('bytes are counted as the encoder counts them, a lone surrogate as its replacement', () => {
  fc.assert(
    fc.property(text, (sample) => {
      expect(utf8Bytes(sample)).toBe(encodedBytes(sample))
    }),
    { numRuns: 500 },
  )
})

test('a text that fits is kept as it is, made well-formed', () => {
  fc.assert(
    fc.property(text, fc.nat(20), (sample, spare) => {
      expect(cutText(sample, encodedBytes(sample) + spare)).toBe(sample.toWellFormed())
    }),
    { numRuns: 300 },
  )
})

test('a text that does not fit is the longest beginning that does, with an ellipsis', () => {
  const property = fc.property(text, fc.integer({ min: 3, max: 60 }), (sample, bytes) => {
    fc.pre(encodedBytes(sample) > bytes)
    const cut = cutText(sample, bytes)
    expect(cut.isWellFormed()).toBe(true)
    expect(cut.endsWith('…')).toBe(true)
    expect(encodedBytes(cut)).toBeLessThanOrEqual(bytes)
    const kept = cut.slice(0, -1)
    expect(sample.toWellFormed().startsWith(kept)).toBe(true)
    const [next] = sample.toWellFormed().slice(kept.length)
    expect(encodedBytes(`${kept}${next}…`)).toBeGreaterThan(bytes)
  })
  fc.assert(property, { numRuns: 500 })
})

test('a long text is cut without looking at all of it, also in the middle of a pair', () => {
  const long = '😀'.repeat(1_000_000)
  expect(cutText(long, 11)).toBe('😀😀…')
  expect(cutText(`a${long}`, 11)).toBe('a😀…')
  expect(cutText('x'.repeat(100), 10)).toBe('xxxxxxx…')
})
