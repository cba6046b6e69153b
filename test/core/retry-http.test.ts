/** What errors of HTTP clients say of trying again, in the shapes in which clients throw them. */
import { retryHttp } from 'holdfast'
import { describe, expect, test } from 'vitest'

const PERMANENT = [400, 401, 403, 404, 405, 410, 413, 422]

/** Where clients put a status. */
const SHAPES: Readonly<Record<string, (status: number) => unknown>> = {
  'fetch wrappers, octokit, ky': (status) => Object.assign(new Error('no'), { status }),
  'got, request, superagent': (status) => Object.assign(new Error('no'), { statusCode: status }),
  'axios, ky, gaxios': (status) => ({ message: 'no', code: 'ERR_BAD_REQUEST', response: { status } }),
  "got's response": (status) => ({ name: 'HTTPError', response: { statusCode: status } }),
  'googleapis, a number as code': (status) => ({ code: status }),
  'gaxios, digits as code': (status) => ({ code: String(status) }),
  'no error at all': (status) => ({ status: String(status) }),
}

describe.each(Object.entries(SHAPES))('%s', (_, errorOf) => {
  test.each(PERMANENT)('%i fails for good', (status) => {
    expect(retryHttp(errorOf(status))).toBe(false)
  })

  test.each([402, 406, 408, 409, 412, 418, 425, 429, 500, 501, 502, 503, 504, 599])(
    '%i is tried again',
    (status) => {
      expect(retryHttp(errorOf(status))).toBe(true)
    },
  )
})

test('every status but the eight is tried again', () => {
  const permanent: number[] = []
  for (let status = 100; status < 600; status++) if (retryHttp({ status }) === false) permanent.push(status)
  expect(permanent).toEqual(PERMANENT)
})

describe('what is no status says nothing', () => {
  test.each([
    ['an error of the network', Object.assign(new Error('no'), { code: 'ECONNRESET' })],
    ["a code of gRPC's", { code: 5 }],
    ['a long number', { code: '40400' }],
    ['a status as a word', { status: 'error', response: 'none' }],
    ['a plain error', new Error('404')],
    ['undefined', undefined],
    ['null', null],
    ['text', '404'],
  ])('%s', (_, error) => {
    expect(retryHttp(error)).toBe(true)
  })

  test('a status that is none lets the next place speak', () => {
    expect(retryHttp({ status: 'error', statusCode: 0, response: { status: 404 } })).toBe(false)
  })
})

test('a message that begins with the mark fails for good, whatever the status', () => {
  expect(retryHttp(new Error('[PERMANENT] no such account'))).toBe(false)
  expect(retryHttp({ message: '[PERMANENT]', status: 503 })).toBe(false)
  expect(retryHttp('[PERMANENT] said as text')).toBe(false)
  expect(retryHttp(new Error('not [PERMANENT]'))).toBe(true)
})

describe('Retry-After', () => {
  /** Has `get` and hides its entries, as a client of its own might. */
  class OtherHeaders {
    readonly #value: string
    constructor(value: string) {
      this.#value = value
    }
    get(name: string): string | null {
      return name.toLowerCase() === 'retry-after' ? this.#value : null
    }
  }
  const HOLDERS: Readonly<Record<string, (value: string) => unknown>> = {
    Headers: (value) => new Headers({ 'Retry-After': value }),
    'a plain object': (value) => ({ 'retry-after': value }),
    'a plain object in capitals': (value) => ({ 'RETRY-AFTER': value }),
    'a list of values': (value) => ({ 'Retry-After': [value, '1'] }),
    'an object with get': (value) => new OtherHeaders(value),
    'an object whose get is something else': (value) => ({ get: () => undefined, 'Retry-After': value }),
  }

  describe.each(Object.entries(HOLDERS))('in %s', (_, headersOf) => {
    test('of the error or of its response, in seconds or as a date', () => {
      const date = 'Wed, 21 Oct 2026 07:28:00 GMT'
      for (const wrap of [
        (headers: unknown) => ({ headers }),
        (headers: unknown) => ({ response: { headers } }),
      ]) {
        expect(retryHttp({ status: 429, ...wrap(headersOf('120')) })).toBe(120_000)
        expect(retryHttp({ status: 503, ...wrap(headersOf(date)) })).toEqual(new Date(date))
        expect(retryHttp({ status: 404, ...wrap(headersOf('120')) })).toBe(false)
      }
    })
  })

  test.each([
    ['0', 0],
    [' 7 ', 7000],
    ['1.5', 1500],
    ['Sun, 06 Nov 1994 08:49:37 GMT', new Date(784111777000)],
    ['Sunday, 06-Nov-94 08:49:37 GMT', new Date(784111777000)],
    ['Sun Nov  6 08:49:37 1994', new Date(784111777000)],
    ['', true],
    ['soon', true],
    ['-1', true],
    ['1e9', true],
    ['2026', 2_026_000],
    ['Wednesday', true],
    ['Wed, 99 Oct 2026 07:28:00 GMT', true],
  ])('%j is %s', (value, wanted) => {
    expect(retryHttp({ status: 429, headers: { 'retry-after': value } })).toEqual(wanted)
  })

  test('as a number', () => {
    expect(retryHttp({ headers: { 'retry-after': 3 } })).toBe(3000)
  })

  test('headers that throw when they are read say nothing', () => {
    const get = (): never => {
      throw new Error('no')
    }
    expect(retryHttp({ status: 429, headers: { get } })).toBe(true)
    expect(retryHttp({ status: 429, headers: 'retry-after: 3' })).toBe(true)
    expect(retryHttp(Object.defineProperty({ status: 429 }, 'headers', { get }))).toBe(true)
    expect(retryHttp(Proxy.revocable({}, {}).proxy)).toBe(true)
  })
})
