/**
 * What an error of an HTTP client says of trying again, whichever client it is from: fetch wrappers, axios, got, undici, gaxios,
 * octokit all put the status and the headers in one of a few places.
 */
import type { RetryAnswer } from './asked-wait.ts'
import { fieldOf } from './failure.ts'

/** Statuses that the same request will get again: it, or who sent it, is wrong. */
const PERMANENT: ReadonlySet<number> = new Set([400, 401, 403, 404, 405, 410, 413, 422])
/** How a message begins that says so itself. */
const PERMANENT_MARK = '[PERMANENT]'

/**
 * For `retryIf` of a worker or of `retry`. False for the statuses 400, 401, 403, 404, 405, 410, 413 and 422 and for a message that
 * begins with `[PERMANENT]`; what a Retry-After says where there is one; else true. The status is the error's `status` or
 * `statusCode`, those of its `response`, or a numeric `code`; the header is one of `headers` or `response.headers`, which may be
 * a `Headers`, what axios has, or a plain object.
 */
export function retryHttp(error: unknown): RetryAnswer {
  const message = typeof error === 'string' ? error : fieldOf(error, 'message')
  if (typeof message === 'string' && message.startsWith(PERMANENT_MARK)) return false
  const status = statusOf(error)
  if (status !== undefined && PERMANENT.has(status)) return false
  return retryAfterOf(error) ?? true
}

function statusOf(error: unknown): number | undefined {
  const response = fieldOf(error, 'response')
  const places = [
    fieldOf(error, 'status'),
    fieldOf(error, 'statusCode'),
    fieldOf(response, 'status'),
    fieldOf(response, 'statusCode'),
    fieldOf(error, 'code'),
  ]
  return places.map(asStatus).find((status) => status !== undefined)
}

/** Other numbers are codes of something else, such as gRPC's. */
function asStatus(value: unknown): number | undefined {
  if (typeof value !== 'number' && !(typeof value === 'string' && /^\d{3}$/.test(value))) return undefined
  const status = Number(value)
  return status >= 100 && status <= 599 ? status : undefined
}

function retryAfterOf(error: unknown): number | Date | undefined {
  const holders = [error, fieldOf(error, 'response')]
  for (const holder of holders) {
    const header = headerIn(fieldOf(holder, 'headers'))
    const after = header === undefined ? undefined : readRetryAfter(header)
    if (after !== undefined) return after
  }
  return undefined
}

/** The header as text. `Headers` and axios have `get`; plain objects may spell the name as they like. */
function headerIn(headers: unknown): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined
  try {
    const got: unknown =
      'get' in headers && typeof headers.get === 'function' ? headers.get('retry-after') : undefined
    return asText(got) ?? asText(entryOf(headers))
  } catch {
    return undefined
  }
}

const entryOf = (headers: object): unknown =>
  Object.entries(headers).find(([name]) => name.toLowerCase() === 'retry-after')?.[1]

function asText(value: unknown): string | undefined {
  const one: unknown = Array.isArray(value) ? value[0] : value
  return typeof one === 'string' || typeof one === 'number' ? String(one).trim() : undefined
}

const WEEKDAY = /^(Mon|Tues?|Wed(nes)?|Thu(rs)?|Fri|Sat(ur)?|Sun)(day)?\b/i

/**
 * Seconds, or a date in one of the three forms of HTTP, all of which are in GMT; the oldest does not say so (RFC 9110, 5.6.7 and
 * 10.2.3). `undefined` for anything else.
 */
function readRetryAfter(header: string): number | Date | undefined {
  if (/^\d+(\.\d+)?$/.test(header)) return Number(header) * 1000
  if (!WEEKDAY.test(header)) return undefined
  const at = Date.parse(/GMT$/i.test(header) ? header : `${header} GMT`)
  return Number.isNaN(at) ? undefined : new Date(at)
}
