/** What handlers throw, described: bounded, well-formed text, whatever it was; describing it throws nothing and changes nothing. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UnrecoverableError } from 'holdfast'
import { ERROR_BYTES, REASON_BYTES } from '../../src/core/bounds.ts'
import { describeFailure, fieldOf, isError } from '../../src/core/failure.ts'
import { utf8Bytes } from '../../src/core/text.ts'

function checked(thrown: unknown) {
  const { message, stack } = describeFailure(thrown)
  expect(utf8Bytes(message)).toBeLessThanOrEqual(REASON_BYTES)
  expect(utf8Bytes(message) + utf8Bytes(stack ?? '')).toBeLessThanOrEqual(ERROR_BYTES)
  expect(message.isWellFormed() && (stack ?? '').isWellFormed()).toBe(true)
  return { message, stack }
}

const thrower = (): never => {
  throw new Error('not to be read')
}
const everyTrap = new Proxy(
  {},
  Object.fromEntries(
    Object.getOwnPropertyNames(Reflect).map((trap) => [trap, thrower]),
  ) as ProxyHandler<object>,
)
const { proxy: revoked, revoke } = Proxy.revocable({}, {})
revoke()
class Broken extends Error {
  override get message(): string {
    return thrower()
  }
  override get stack(): string {
    return thrower()
  }
}

test('anything at all can be thrown', () => {
  fc.assert(
    fc.property(
      fc.anything({ withBigInt: true, withNullPrototype: true, withSparseArray: true }),
      (thrown) => {
        checked(thrown)
      },
    ),
    { numRuns: 1000 },
  )
})

describe('odd things', () => {
  test.each<[string, unknown, string]>([
    ['undefined', undefined, 'undefined was thrown'],
    ['null', null, 'null was thrown'],
    ['a number', 7, '7 was thrown'],
    ['a string', 'oh', 'oh'],
    ['a symbol', Symbol('s'), 'Symbol(s) was thrown'],
    ['a plain object', { code: 3 }, '{"code":3}'],
    ['an object with a message', { message: 'said' }, 'said'],
    ['an error', new TypeError('typed'), 'typed'],
    ['a frozen error', Object.freeze(new Error('cold')), 'cold'],
    ['an error without a message', new RangeError(), 'RangeError'],
    ['an error whose message is no text', Object.assign(new Error('x'), { message: 5 }), 'Error'],
    ['an error of ours', new UnrecoverableError('never'), 'never'],
    ['lone surrogates', 'a\ud800b', 'a\ufffdb'],
    ['a revoked proxy', revoked, 'something that cannot be described was thrown'],
    ['a proxy that refuses everything', everyTrap, 'something that cannot be described was thrown'],
  ])('%s', (_, thrown, message) => expect(checked(thrown).message).toBe(message))

  test('an error whose message and stack throw', () => {
    checked(new Broken())
  })
})

test('50 MB of message are cut without being read through', () => {
  const error = new Error('é'.repeat(25_000_000))
  const began = process.hrtime.bigint()
  const { message, stack } = checked(error)
  expect(Number(process.hrtime.bigint() - began) / 1e6).toBeLessThan(500)
  expect(message.endsWith('…')).toBe(true)
  expect(stack!.length).toBeGreaterThan(0)
})

test('asking whether it is an error, and for its fields, never throws', () => {
  expect([new Broken(), new Error('a')].map(isError)).toEqual([true, true])
  expect([everyTrap, revoked, undefined, 'x', {}].map(isError)).toEqual([false, false, false, false, false])
  expect(
    [everyTrap, revoked, undefined, null, new Broken()].map((thrown) => fieldOf(thrown, 'message')),
  ).toEqual(Array.from({ length: 5 }, () => undefined))
})
